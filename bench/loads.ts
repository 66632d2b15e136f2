import type { WatchedPut } from './system.ts'

/**
 * The loads, free of any system under test: the same code runs in a tab against Flotilla and in Node against etcd.
 */

/** Bytes of every value written. */
export const valueBytes = 100
/** Writes of the throughput load that are on their way at any time. */
export const writesInFlight = 256
/** Puts of one transaction in the load that batches: as many as a transaction may hold, in round numbers. */
export const putsPerTransaction = 100
/** Transactions of that load on their way at any time. */
export const transactionsInFlight = 8
/** Loads write over and over to this many keys. */
const keysMax = 10_000

/** One request; resolves when it is answered. */
export type Request = (number: number) => Promise<unknown>

export interface Failover {
  /** From the old leader's end, or a little before it, to the first write that another one saw through. */
  readonly nextMs: number
  /** The longest time without an acknowledgement until then. */
  readonly pauseMs: number
}

export interface OneByOne {
  /** Requests that are made but not counted. */
  readonly warmUp: number
  readonly count: number
}

export interface ManyAtOnce {
  readonly inFlight: number
  /** Time that passes before counting begins. */
  readonly warmUpMs: number
  readonly measureMs: number
}

/** A put that watchers saw. Times are milliseconds of one clock that writer and watchers share. */
export interface TimedPut {
  readonly revision: number
  readonly calledAt: number
  readonly answeredAt: number
}

/** When a watcher was told of each revision, by the same clock. */
export type Arrivals = readonly (readonly [revision: number, at: number])[]

/** How long each put took to show to the last of the watchers. Throws if one of them missed it. */
export function untilSeenByAll(puts: readonly TimedPut[], watchers: readonly Arrivals[]): WatchedPut[] {
  const seen = watchers.map(arrivals => new Map(arrivals))
  return puts.map(({ revision, calledAt, answeredAt }) => {
    const last = Math.max(...seen.map(arrivals => arrivals.get(revision) ?? Number.NaN))
    if (Number.isNaN(last)) throw new Error(`a watcher missed revision ${revision}`)
    return { fromCall: last - calledAt, fromAnswer: last - answeredAt }
  })
}

/** The keys of the transaction with this number, no two the same. */
export function keysOfTransaction(number: number): string[] {
  return Array.from({ length: putsPerTransaction }, (_, at) => keyOf(number * putsPerTransaction + at))
}

export function keyOf(number: number): string {
  return `bench/${String(number % keysMax).padStart(5, '0')}`
}

/** Each request waits for the one before. Milliseconds that each took. */
export async function oneByOne(request: Request, { warmUp, count }: OneByOne): Promise<number[]> {
  const took: number[] = []
  for (let number = 0; number < warmUp + count; number += 1) {
    const began = performance.now()
    await request(number)
    if (number >= warmUp) took.push(performance.now() - began)
  }
  return took
}

/** Keeps `inFlight` requests going. How many were answered per second. */
export async function manyAtOnce(request: Request, { inFlight, warmUpMs, measureMs }: ManyAtOnce): Promise<number> {
  const began = performance.now() + warmUpMs
  const end = began + measureMs
  let number = 0
  let answered = 0
  const lane = async () => {
    for (;;) {
      await request(number++)
      const now = performance.now()
      if (now >= end) return
      if (now >= began) answered += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return (answered * 1000) / measureMs
}
