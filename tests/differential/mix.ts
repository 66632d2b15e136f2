import type { Random } from '../sim/random.ts'

/** What a run is made of. */
export type Kind =
  | 'range'
  | 'put'
  | 'delete'
  | 'txn'
  | 'compact'
  | 'grant'
  | 'shortGrant'
  | 'revoke'
  | 'keepAlive'
  | 'timeToLive'
  | 'leases'
  | 'watch'
  | 'cancelWatch'
  | 'progress'
  | 'endStream'
  | 'tooLarge'

/**
 * What one seed does often, seldom or never. Drawn anew for each, since what is never done makes room for what is seen only
 * in its absence: a run without compaction grows a history, one without leases or with five keys is another world.
 */
export interface Mix {
  readonly weights: Readonly<Record<Kind, number>>
  readonly keys: readonly Uint8Array[]
  readonly valueBytesMax: number
  readonly leases: readonly number[]
  readonly streams: number
  readonly watchesPerStreamMax: number
  readonly txnDepthMax: number
  readonly txnOperationsMax: number
  /** How likely a request has any one option. */
  readonly optionChance: number
  /** How likely a transaction takes no care to touch each key only once. */
  readonly carelessChance: number
  /** How likely a request is one that a sane client would not send. */
  readonly oddChance: number
}

/** Reads (`range`, `timeToLive`, `leases`) come in rows, so there are several times as many of them as these numbers say. */
const usualWeights: Readonly<Record<Kind, number>> = {
  range: 10,
  put: 25,
  delete: 6,
  txn: 25,
  compact: 0.5,
  grant: 2.5,
  shortGrant: 0.2,
  revoke: 1,
  keepAlive: 2,
  timeToLive: 1,
  leases: 0.2,
  watch: 3,
  cancelWatch: 1.2,
  progress: 0.4,
  endStream: 0.15,
  tooLarge: 0.1,
}

export function drawMix(random: Random): Mix {
  const weights = Object.fromEntries(
    Object.entries(usualWeights).map(([kind, weight]) => [kind, weight * random.pick([0, 0.3, 1, 1, 1, 3])]),
  ) as Record<Kind, number>
  // Without writes there is nothing to see.
  weights.put = Math.max(weights.put, usualWeights.put / 3)
  weights.range = Math.max(weights.range, usualWeights.range / 3)
  return {
    weights,
    keys: drawKeys(random),
    valueBytesMax: random.pick([8, 8, 64, 64, 512, 4096]),
    leases: drawLeases(random),
    streams: random.integer(1, 3),
    watchesPerStreamMax: random.integer(1, 6),
    txnDepthMax: random.integer(0, 3),
    txnOperationsMax: random.pick([2, 4, 4, 8, 20]),
    optionChance: random.pick([0.05, 0.2, 0.4]),
    carelessChance: random.pick([0, 0.1, 0.5]),
    oddChance: random.pick([0, 0.01, 0.03]),
  }
}

const segments = ['a', 'b', 'k', 'key/', 'é/', '\u{1f6a2}', '0', '/', 'zz'].map(text => Buffer.from(text))
const rawSegments = [[0], [0xff], [0, 0], [0xff, 0xff], [0x61, 0], [0x61, 0xff], [0x80]].map(bytes =>
  Buffer.from(bytes),
)

/** Keys of which many are prefixes of others, with the bytes at both ends of the order. */
function drawKeys(random: Random): Uint8Array[] {
  const count = random.pick([5, 10, 20, 50, 100, 200])
  const pool = random.chance(0.7) ? [...segments, ...rawSegments] : segments
  const keys = new Map<string, Uint8Array>()
  while (keys.size < count) {
    const parent = random.chance(0.7) ? random.pick([...keys.values()]) : undefined
    const key = Buffer.concat([parent ?? Buffer.alloc(0), random.pick(pool) ?? Buffer.from('a')])
    keys.set(key.toString('hex'), key)
  }
  return [...keys.values()]
}

/** Ids stay where every client can hold them exactly. */
function drawLeases(random: Random): number[] {
  const few = Array.from({ length: random.integer(2, 20) }, (_, at) => at + 1)
  return [...few, 1_000_000_007, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]
}
