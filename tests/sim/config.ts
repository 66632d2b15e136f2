import type { AutoCompaction } from '../../src/replica/auto-compaction.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../../src/replica/options.ts'
import { type ClientConfig, drawClientConfig } from './clients/client-config.ts'
import type { Random } from './random.ts'

/** Length of a replica's tick, as in a tab. */
export const tickMs = 50

/** Who cannot hear whom. */
export const networkFaultKinds = [
  'halves',
  'isolateLeader',
  'isolateOne',
  'deafLeader',
  'muteLeader',
  'chaseLeader',
  'cutLink',
  'cutOneWay',
  'flap',
  'ring',
  'star',
  'bridge',
  'congestion',
] as const

/** What becomes of tabs, and of those who use them. */
export const tabFaultKinds = [
  'crash',
  'crashAll',
  'reload',
  'close',
  'changeMind',
  'kill',
  'remove',
  'open',
  'freeze',
  'stutter',
  'sleepAll',
  'transfer',
] as const

/** What becomes of what was written. */
export const diskFaultKinds = ['stall', 'slowDisk', 'full', 'writeError', 'crashTorn', 'corrupt', 'wipe'] as const

/** What hits an election at its narrow places. */
export const electionFaultKinds = ['crashVoters', 'deafHandOver', 'lateAnswers', 'longOldLog', 'slowOldDisk'] as const

export type NetworkFaultKind = (typeof networkFaultKinds)[number]
export type TabFaultKind = (typeof tabFaultKinds)[number]
export type DiskFaultKind = (typeof diskFaultKinds)[number]
export type ElectionFaultKind = (typeof electionFaultKinds)[number]
export type FaultKind = NetworkFaultKind | TabFaultKind | DiskFaultKind | ElectionFaultKind

type Interval = readonly [low: number, high: number]

/**
 * One run's world. Every seed draws its own ("swarm testing"): with all faults always on, some never get the quiet they need
 * to do their harm.
 */
export interface SimulationConfig {
  /** Tabs that open at the beginning. */
  readonly members: number
  /** Of tabs that open later and may only look; and whether they lie, one way or another, as often as this. */
  readonly viewers: { readonly count: number; readonly lieEveryMs: Interval | null }
  /** Tabs open at a time, at most. */
  readonly membersMax: number
  /** Tabs of one browser share its disk: they look after each other's members. */
  readonly browsers: number
  /** The first tabs open within this time, one by one or all at once. */
  readonly openWithinMs: number
  /** Time under faults; what follows is for recovering. */
  readonly faultyMs: number
  /** A member's clock runs this much fast or slow, at most. */
  readonly clockDrift: number
  readonly network: {
    readonly latencyMs: Interval
    readonly loss: number
    /** Whether what was lost comes late, as on a data channel, or never. */
    readonly repeatsLost: boolean
    readonly repeatMs: Interval
    readonly duplication: number
    /** Some messages take this much longer: most of them the low end, few the high one. */
    readonly delay: { readonly probability: number; readonly ms: Interval }
    readonly congestionMs: number
    readonly keepsOrder: boolean
    /** Which share of links, and of members, is slower than the others, and by how much. */
    readonly slow: { readonly links: number; readonly members: number; readonly factor: number }
    /** Until a working link is noticed, and until a broken one is. */
    readonly linkUpMs: Interval
    readonly linkDownMs: Interval
  }
  readonly disk: {
    readonly latencyMs: Interval
    /** Of a snapshot, written at a time. */
    readonly partBytes: number
    readonly stall: { readonly probability: number; readonly ms: Interval }
  }
  readonly faults: {
    readonly everyMs: Interval
    readonly lastMs: Interval
    readonly weights: Readonly<Record<FaultKind, number>>
  }
  readonly clients: ClientConfig
  readonly replica: ReplicaOptions
}

export function drawConfig(random: Random): SimulationConfig {
  const patience = random.chance(0.996) ? 'usual' : 'long'
  const members = patience === 'usual' ? drawMembers(random) : random.integer(2, 4)
  // Many members for a short time or few for a long one: what a seed costs is about the product. A few seeds have the time for what
  // lasts minutes in the life of a tab.
  const usualMs = Math.max(faultyMsMin, (random.between(...memberMsPerSeed) / members) * random.between(0.5, 1))
  const faultyMs = patience === 'usual' ? usualMs : random.between(...longMs)
  const network = drawNetwork(random)
  const slow = network.latencyMs[1] > 30
  return {
    members,
    membersMax: Math.min(membersMax, members + random.integer(0, 2)),
    viewers: drawViewers(random.fork(), members),
    browsers: random.pick([1, 1, 2, 3, members] as const),
    openWithinMs: random.pick([0, 300, faultyMs / 4] as const),
    faultyMs,
    clockDrift: random.pick([0, 0.01, 0.1] as const),
    network,
    disk: {
      latencyMs: disks[random.weighted({ quick: 4, busy: 4, slow: 1 })],
      partBytes: random.pick([500, 5_000, 512 * 1024] as const),
      stall: { probability: random.pick([0, random.between(0, 0.02)] as const), ms: [20, random.between(100, 3_000)] },
    },
    faults: drawFaults(random, faultyMs),
    clients: sharedAmong(members, drawClientConfig(random)),
    replica: drawReplicaOptions(random, slow),
  }
}

/** Many members ask no more together than few do: each of them has to take in what any of them asks. */
function sharedAmong(members: number, clients: ClientConfig): ClientConfig {
  const [low, high] = clients.thinkMs
  const share = Math.max(1, members / 3)
  return { ...clients, perMember: members > 6 ? 1 : clients.perMember, thinkMs: [low, high * share] }
}

/** Mostly few, and the small clusters that have rules of their own, now and then many. */
function drawMembers(random: Random): number {
  const size = random.weighted({ one: 1, two: 1, three: 4, some: 3.5, many: 0.5 })
  switch (size) {
    case 'one':
      return 1
    case 'two':
      return 2
    case 'three':
      return 3
    case 'some':
      return random.integer(4, 6)
    case 'many':
      return random.integer(7, membersMax)
  }
}

/** With many members a seed takes long enough. */
function drawViewers(random: Random, members: number): SimulationConfig['viewers'] {
  const count = members > 6 ? 0 : random.pick([0, 0, 1, 2] as const)
  return { count, lieEveryMs: random.chance(0.5) ? [1, random.between(50, 1_000)] : null }
}

const membersMax = 13
const memberMsPerSeed: Interval = [8_000, 40_000]
const longMs: Interval = [60_000, 180_000]
/** Enough for members to come in and for a few faults. */
const faultyMsMin = 3_000

/** One durable write: on a disk of one's own, on one that others use too, on one that turns. */
const disks: Readonly<Record<'quick' | 'busy' | 'slow', Interval>> = {
  quick: [0.3, 1],
  busy: [0.5, 10],
  slow: [5, 60],
}

const latencies: Readonly<Record<'loopback' | 'lan' | 'country' | 'ocean', Interval>> = {
  loopback: [0.1, 0.5],
  lan: [0.5, 5],
  country: [5, 25],
  ocean: [30, 150],
}

function drawNetwork(random: Random): SimulationConfig['network'] {
  const latencyMs = latencies[random.weighted({ loopback: 3, lan: 3, country: 1, ocean: 1 })]
  return {
    latencyMs,
    loss: random.pick([0, 0, random.between(0, 0.05), random.between(0, lossMax)] as const),
    repeatsLost: random.chance(0.5),
    repeatMs: [latencyMs[1], latencyMs[1] + random.between(10, 1_000)],
    duplication: random.chance(0.5) ? 0 : random.between(0, 0.1),
    delay: { probability: random.chance(0.5) ? 0 : random.between(0, 0.1), ms: [5, random.between(50, 5_000)] },
    congestionMs: random.between(20, 1_000),
    keepsOrder: random.chance(0.5),
    slow: {
      links: random.pick([0, 0, 0.2] as const),
      members: random.pick([0, 0, 0.2] as const),
      factor: random.between(2, 20),
    },
    linkUpMs: [5, random.between(20, 1_000)],
    // A tab gives a silent link up after three to four seconds; a broken channel is often noticed sooner.
    linkDownMs: [10, random.between(50, 4_000)],
  }
}

const lossMax = 0.3

/** Of all that can go wrong most seeds see only a part, some a single kind, and a few nothing at all. */
function drawFaults(random: Random, faultyMs: number): SimulationConfig['faults'] {
  const count = random.pick([0.2, 3, 6, 10, 20, 40] as const)
  const share = random.pick([0.1, 0.3, 0.3, 0.6, 1] as const)
  const weights = Object.fromEntries(
    faultKinds.map(kind => {
      const weight = random.integer(1, 3) * (frequencies[kind] ?? 1)
      return [kind, random.chance(share) ? weight : 0]
    }),
  ) as Record<FaultKind, number>
  const meanMs = faultyMs / count
  return {
    everyMs: [0.1 * meanMs, 1.9 * meanMs],
    lastMs: [50, random.between(300, Math.max(3_000, faultyMs / 2))],
    weights,
  }
}

export const faultKinds: readonly FaultKind[] = [
  ...networkFaultKinds,
  ...tabFaultKinds,
  ...diskFaultKinds,
  ...electionFaultKinds,
]

/** Less often, what costs much time or lets little else happen after it; more often, what seldom gets all that it needs. */
const frequencies: Partial<Record<FaultKind, number>> = {
  ...{ crashAll: 0.3, sleepAll: 0.3, congestion: 0.5 },
  ...{ longOldLog: 10, lateAnswers: 5, deafHandOver: 5, slowOldDisk: 5 },
}

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
    learnerHeartbeatTicks: random.integer(3, 8),
    appendBytesMax: random.pick([slow ? 8_000 : 300, 4_000, 256 * 1024] as const),
    inflightMessagesMax: random.pick([slow ? 16 : 1, 4, 256] as const),
    uncommittedBytesMax: random.pick([slow ? 20_000 : 2_000, 64 * 1024 * 1024] as const),
    retryTicks: random.integer(10, 40),
    gossipTicks: random.integer(10, 40),
    snapshotChunkBytes: random.pick([slow ? 4_000 : 300, 4_000, 60 * 1024] as const),
    snapshotWindowBytes: random.pick([slow ? 20_000 : 1_000, 20_000, 2 * 1024 * 1024] as const),
    snapshotRetryTicks: random.integer(4, 20),
    snapshotTicksMax: random.integer(20, 100),
    compactionBytesMin: random.pick([500, 3_000, 20_000, 4 * 1024 * 1024] as const),
    compactionTrailingEntries: random.pick([0, 1, 10, 100] as const),
    compactionTrailingBytesMax: random.pick([0, 1_000, 4 * 1024 * 1024] as const),
    scrubStepChanges: random.pick([1, 20, 10_000] as const),
    leaseCheckpointTicks: random.pick([10, 40, 1_200] as const),
    membership: {
      ...defaultReplicaOptions.membership,
      targetVoters: random.pick([1, 3, 3, 3, 5, 5, 7] as const),
      liveTicks: random.integer(10, 30),
      replaceTicks: random.integer(40, 300),
      forgetTicks: random.pick([200, 400, 12_000] as const),
      promotionLagMax: random.pick([1, 100] as const),
    },
  }
}
