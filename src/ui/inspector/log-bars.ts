interface Log {
  readonly commit: number
  readonly applied: number
}

/** Enough to tell one entry behind from none. */
const windowMin = 20

/**
 * How many of the newest entries the bars show: all that anyone lacks, and as much again. Logs are long and lags are short, so bars of
 * whole logs would all look full.
 */
export function logWindow(logs: readonly (Log | null)[], furthest: number): number {
  const lag = Math.max(0, ...logs.map(log => (log === null ? 0 : furthest - log.applied)))
  let window = windowMin
  // 20, 50, 100, 200, 500, ...
  for (let step = 0; window < 2 * lag; step += 1) window *= step % 3 === 0 ? 2.5 : 2
  return Math.max(1, Math.min(window, furthest))
}

/** Percent of the bar: what is applied, and what is known to be committed beyond that. */
export function barOf(log: Log | null, furthest: number, window: number): { applied: number; committed: number } {
  if (log === null) return { applied: 0, committed: 0 }
  const share = (index: number) => (100 * Math.max(0, Math.min(window, index - (furthest - window)))) / window
  const applied = share(log.applied)
  return { applied, committed: Math.max(0, share(log.commit) - applied) }
}
