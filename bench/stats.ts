/** The value below which a share `q` of the samples lie, by the nearest-rank method. Throws RangeError without samples. */
export function percentile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]
  if (value === undefined) throw new RangeError('a percentile of no samples')
  return value
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

export type Unit = 'ms' | 'µs' | Rate | 'bytes' | 'bytes/entry' | 'frames' | 'links'
type Rate = 'writes/s' | 'entries/s' | 'frames/s' | 'messages/s' | 'MB/s'

function isRate(unit: Unit): boolean {
  return unit.endsWith('/s')
}

/** One thing measured, as often as there were rounds. */
export interface Figure {
  readonly unit: Unit
  readonly value: number
  /** How `value` came out of `rounds`. */
  readonly by: 'best' | 'median' | 'worst'
  readonly rounds: readonly number[]
}

/** What else the machine does only ever makes a round slower, so the best one says most about the code. */
export function bestOf(unit: Unit, rounds: readonly number[]): Figure {
  return { unit, value: isRate(unit) ? Math.max(...rounds) : Math.min(...rounds), by: 'best', rounds }
}

export function medianOf(unit: Unit, rounds: readonly number[]): Figure {
  return { unit, value: median(rounds), by: 'median', rounds }
}

export function worstOf(unit: Unit, rounds: readonly number[]): Figure {
  return { unit, value: isRate(unit) ? Math.min(...rounds) : Math.max(...rounds), by: 'worst', rounds }
}
