import type { Failure } from '../run.ts'

/** The beginning of a run: its first faults, and what its clients ask for up to a moment. */
export interface Prefix {
  readonly faultsMax: number
  readonly untilMs: number
}

/** Runs a prefix; the failure, if it fails. */
export type RunPrefix = (prefix: Prefix) => Promise<Failure | null>

/**
 * The shortest prefix of a failing run that breaks the same promise: first the fewest faults, then the shortest time of clients.
 * Every prefix that is found was run; that none shorter fails is certain for the faults and likely for the time, which is
 * halved rather than tried moment by moment. Out of time (`isOver`), it is the shortest found so far.
 */
export async function shrink(failure: Failure, run: RunPrefix, isOver: () => boolean): Promise<Prefix> {
  const faults = await fewestFaults(failure, run, isOver)
  const untilMs = await shortestTime(faults, run, isOver)
  return { faultsMax: faults.strikes, untilMs }
}

/** The same failure after fewer faults. The whole run is one with those alone that had struck when it failed. */
async function fewestFaults(failure: Failure, run: RunPrefix, isOver: () => boolean): Promise<Failure> {
  for (let faultsMax = 0; faultsMax < failure.strikes && !isOver(); faultsMax += 1) {
    const again = await run({ faultsMax, untilMs: endOf(failure) })
    if (again?.invariant === failure.invariant) return again
  }
  return failure
}

async function shortestTime(failure: Failure, run: RunPrefix, isOver: () => boolean): Promise<number> {
  const faultsMax = failure.strikes
  let passesMs = -1
  let failsMs = endOf(failure)
  while (failsMs - passesMs > precisionMs && !isOver()) {
    const untilMs = Math.floor((passesMs + failsMs) / 2)
    const again = await run({ faultsMax, untilMs })
    if (again?.invariant === failure.invariant) failsMs = untilMs
    else passesMs = untilMs
  }
  return failsMs
}

/** What clients begin after a failure has no part in it. */
function endOf({ atMs }: Failure): number {
  return Math.ceil(atMs)
}

/** Closer than this no person cares to know. */
const precisionMs = 10
