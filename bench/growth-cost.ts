import { GrowthCluster, type Load } from './growth-cluster.ts'
import type { Wants } from './growth-tree.ts'
import { median } from './stats.ts'

export const valueBytes = 100
const roundMs = 1_000
/** In so many seconds each of a thousand has told others once where it stands, the rarest thing that members do (`gossipCrowd`). */
export const rounds = 16
/** A learner's heartbeat comes every 400 ms: the writes of all rounds come at as many moments between two of them. */
const laterEachRoundMs = 400 / rounds
const settleMs = 2_500

/** What a cluster costs its leader, and how long it takes to reach everyone. */
export interface Cost {
  /** Peers that the leader is linked to. */
  readonly links: number
  /** Of the leader, for one write, beyond what it does without. */
  readonly write: Load
  /** Of the leader, in a second without writes. */
  readonly idleSecond: Load
  /** From the leader's commit to the screen of half of the others, and of the last one at the worst of the writes. */
  readonly medianMs: number
  readonly lastMs: number
}

/** Throws if not everyone has a write when its round ends, and if the leader changes. */
export function costOf(wants: Wants, voters: number, progress: (what: string) => void): Cost {
  progress('they find their leader')
  const cluster = new GrowthCluster(wants, voters)
  cluster.run(settleMs)
  // The first ones name to each peer the members behind it, which have numbers from then on.
  progress(`${rounds} writes that do not count`)
  inRounds(at => loadOfWrite(cluster, at))
  progress(`${rounds} seconds without writes`)
  const idle = mean(inRounds(() => loadOfTime(cluster, roundMs)))
  progress(`${rounds} writes`)
  const written = inRounds(at => loadOfWrite(cluster, at))
  const lags = written.flatMap(({ lags }) => lags)
  return {
    links: cluster.leaderLinks,
    write: difference(mean(written.map(({ load }) => load)), idle),
    idleSecond: idle,
    medianMs: median(lags),
    lastMs: lags.reduce((last, lag) => Math.max(last, lag)),
  }
}

function inRounds<Result>(round: (at: number) => Result): Result[] {
  return Array.from({ length: rounds }, (_, at) => round(at))
}

function loadOfTime(cluster: GrowthCluster, ms: number): Load {
  const before = cluster.leaderLoad
  cluster.run(ms)
  return difference(cluster.leaderLoad, before)
}

/** Of a round with a write in it, which is everywhere by its end. */
function loadOfWrite(cluster: GrowthCluster, at: number): { load: Load; lags: readonly number[] } {
  const beforeMs = at * laterEachRoundMs
  const before = loadOfTime(cluster, beforeMs)
  const index = cluster.write(valueBytes)
  const after = loadOfTime(cluster, roundMs - beforeMs)
  return { load: each(of => before[of] + after[of]), lags: cluster.lags(index) }
}

function mean(loads: readonly Load[]): Load {
  return each(of => loads.reduce((sum, load) => sum + load[of], 0) / loads.length)
}

function difference(a: Load, b: Load): Load {
  return each(of => a[of] - b[of])
}

function each(figure: (of: keyof Load) => number): Load {
  return {
    sentFrames: figure('sentFrames'),
    sentBytes: figure('sentBytes'),
    receivedFrames: figure('receivedFrames'),
    receivedBytes: figure('receivedBytes'),
  }
}
