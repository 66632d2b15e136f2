import type { AutoCompaction } from '../../src/replica/auto-compaction.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../../src/replica/options.ts'
import type { Random } from './random.ts'

/** Length of a replica's tick, as in a tab. */
export const tickMs = 50

/** What can go wrong, and how often beside the others. */
export type FaultKind =
  | 'crash'
  | 'crashAll'
  | 'reload'
  | 'adopt'
  | 'freeze'
  | 'stall'
  | 'open'
  | 'halves'
  | 'isolateLeader'
  | 'isolateOne'
  | 'cutLink'
  | 'cutOneWay'
  | 'transfer'

type Interval = readonly [low: number, high: number]

/**
 * One run's world. Every seed draws its own ("swarm testing"): with all faults always on, some never get the quiet they need
 * to do their harm.
 */
export interface SimulationConfig {
  readonly members: number
  /** Tabs open at a time, at most. */
  readonly membersMax: number
  /** Time under faults; what follows is for recovering. */
  readonly faultyMs: number
  /** A member's clock runs this much fast or slow, at most. */
  readonly clockDrift: number
  readonly network: {
    readonly latencyMs: Interval
    readonly loss: number
    readonly duplication: number
    /** Some messages take this much longer. */
    readonly delay: { readonly probability: number; readonly ms: Interval }
    readonly keepsOrder: boolean
    /** Until a working link is noticed, and until a broken one is. */
    readonly linkUpMs: Interval
    readonly linkDownMs: Interval
  }
  readonly disk: {
    readonly latencyMs: Interval
    readonly stall: { readonly probability: number; readonly ms: Interval }
  }
  readonly faults: {
    readonly everyMs: Interval
    readonly lastMs: Interval
    readonly weights: Readonly<Record<FaultKind, number>>
  }
  readonly clients: {
    readonly perMember: number
    readonly thinkMs: Interval
    readonly inFlightMax: number
    readonly keys: number
    readonly valueBytesMax: number
    /** Whether unanswered writes survive a restart of the tab (an outbox) or are forgotten with it. */
    readonly outbox: boolean
    readonly compactProbability: number
    /** Beside 11 of all other writes. */
    readonly leaseWeight: number
  }
  readonly replica: ReplicaOptions
}

export function drawConfig(random: Random): SimulationConfig {
  const members = random.integer(3, 5)
  const faultLevel = random.pick([0, 1, 1, 2] as const)
  const slow = random.chance(0.2)
  return {
    members,
    membersMax: members + random.integer(0, 1),
    faultyMs: random.integer(8_000, 25_000),
    clockDrift: random.pick([0, 0.01, 0.1] as const),
    network: {
      latencyMs: slow ? [20, random.between(40, 150)] : [0.2, random.between(0.5, 20)],
      loss: random.chance(0.4) ? 0 : random.between(0, 0.2),
      duplication: random.chance(0.5) ? 0 : random.between(0, 0.1),
      delay: { probability: random.chance(0.5) ? 0 : random.between(0, 0.1), ms: [10, random.between(50, 1_500)] },
      keepsOrder: random.chance(0.5),
      linkUpMs: [5, random.between(20, 1_000)],
      linkDownMs: [10, random.between(50, 3_000)],
    },
    disk: {
      latencyMs: [0.3, random.between(0.5, 10)],
      stall: { probability: random.chance(0.5) ? 0 : random.between(0, 0.02), ms: [20, 800] },
    },
    faults: {
      everyMs: faultLevel === 0 ? [faultless, faultless] : faultLevel === 1 ? [1_000, 6_000] : [200, 2_500],
      lastMs: [100, random.between(500, 12_000)],
      weights: {
        crash: random.integer(0, 3),
        crashAll: random.integer(0, 1),
        reload: random.integer(0, 3),
        adopt: random.integer(0, 1),
        freeze: random.integer(0, 2),
        stall: random.integer(0, 1),
        open: random.integer(0, 1),
        halves: random.integer(0, 2),
        isolateLeader: random.integer(1, 3),
        isolateOne: random.integer(0, 2),
        cutLink: random.integer(0, 2),
        cutOneWay: random.integer(0, 2),
        transfer: random.integer(0, 1),
      },
    },
    clients: {
      perMember: random.integer(1, 2),
      thinkMs: [1, random.between(30, 500)],
      inFlightMax: random.integer(1, 8),
      keys: random.integer(2, 10),
      valueBytesMax: random.pick([20, 100, 2_000] as const),
      outbox: random.chance(0.5),
      compactProbability: random.chance(0.5) ? 0 : 0.02,
      leaseWeight: random.pick([0.5, 2, 8] as const),
    },
    replica: drawReplicaOptions(random, slow),
  }
}

/** No first fault before the run is over. */
const faultless = 1_000_000

const autoCompactions: Readonly<Record<AutoCompaction['kind'], AutoCompaction>> = {
  off: { kind: 'off' },
  revision: { kind: 'revision', retentionRevisions: 30, everyTicks: 10 },
  periodic: { kind: 'periodic', retentionTicks: 60 },
}

/** On a slow network a narrow window would leave members so far behind that the time for recovering would not do. */
function drawReplicaOptions(random: Random, slow: boolean): ReplicaOptions {
  const autoCompaction = autoCompactions[random.pick(['off', 'revision', 'periodic'] as const)]
  return {
    ...defaultReplicaOptions,
    autoCompaction,
    // A history that nobody compacts would take too long in small steps.
    snapshotStepChanges: random.pick([autoCompaction.kind === 'off' ? 500 : 5, 50, 10_000] as const),
    electionTicks: random.integer(10, 20),
    heartbeatTicks: random.integer(1, 3),
    appendBytesMax: random.pick([slow ? 8_000 : 300, 4_000, 256 * 1024] as const),
    inflightMessagesMax: random.pick([slow ? 16 : 1, 4, 256] as const),
    uncommittedBytesMax: random.pick([2_000, 64 * 1024 * 1024] as const),
    retryTicks: random.integer(10, 40),
    snapshotTicksMax: random.integer(20, 100),
    compactionBytesMin: random.pick([500, 3_000, 20_000, 4 * 1024 * 1024] as const),
    compactionTrailingEntries: random.pick([0, 1, 10, 100] as const),
    scrubStepChanges: random.pick([1, 20, 10_000] as const),
    leaseCheckpointTicks: random.pick([10, 40, 1_200] as const),
    membership: {
      ...defaultReplicaOptions.membership,
      targetVoters: random.pick([3, 5, 5] as const),
      liveTicks: random.integer(10, 30),
      replaceTicks: random.integer(40, 300),
      forgetTicks: random.pick([200, 400, 12_000] as const),
      promotionLagMax: random.pick([1, 100] as const),
    },
  }
}
