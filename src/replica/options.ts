import type { Entry, MemberId } from '../raft/types.ts'
import type { AutoCompaction } from './auto-compaction.ts'
import type { WalState } from './types.ts'

export interface ReplicaConfig {
  readonly member: MemberId
  /** What the log held when it was opened; for a new member, `emptyState()` or what `foundingWrite()` made. */
  readonly recovered: WalState
  /** In [0, 1). The only source of chance. */
  readonly random: () => number
  readonly options?: ReplicaOptions
  /** For those who watch over a member from outside, such as a simulation; it must not change anything. */
  readonly observer?: ReplicaObserver
}

export interface ReplicaObserver {
  /** An entry has just taken effect. Those that a snapshot stands for are not told of. */
  applied(entry: Entry): void
}

/**
 * Every number a replica goes by. Times are in ticks; the owner decides how long a tick is (50 ms in a tab).
 */
export interface ReplicaOptions {
  /** How many ticks the owner gives in a second: leases are granted in seconds. */
  readonly ticksPerSecond: number
  /** A follower that heard nothing for this long, up to twice as long, starts a pre-vote. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** To learners. Often enough that one that is lost does not make them count as silent (`liveTicks`). */
  readonly learnerHeartbeatTicks: number
  /** Payload bytes of one append message; one larger entry still travels alone. */
  readonly appendBytesMax: number
  /** Append messages on their way to one follower. */
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  /** Proposals a leader takes in before a quorum has confirmed earlier ones. */
  readonly uncommittedBytesMax: number
  /** A write or read that got no answer for this long is sent again. */
  readonly retryTicks: number
  /** How often a member tells others where it stands, */
  readonly gossipTicks: number
  /** and how many of them at a time. */
  readonly gossipMembersMax: number
  /** With more members in reach they tell each other so much more rarely, and those without a vote tell voters only what happens. */
  readonly gossipCrowd: number
  /** Payload of one message of a snapshot on its way to a follower. */
  readonly snapshotChunkBytes: number
  /** How much of it is on the way before the follower has said that it has it. */
  readonly snapshotWindowBytes: number
  /** A follower that says nothing of a snapshot for this long is asked how much of it it has. */
  readonly snapshotRetryTicks: number
  /** A snapshot that got no further for this long is given up, by who sends it and by who gets it; so long one is kept for followers. */
  readonly snapshotTicksMax: number
  /** A larger one is not taken. */
  readonly snapshotBytesMax: number
  /** The log is compacted when it outgrows the newest snapshot and this. */
  readonly compactionBytesMin: number
  /** Entries kept behind a compaction, so that a follower a little behind needs no snapshot. */
  readonly compactionTrailingEntries: number
  /** And no more of them than this. */
  readonly compactionTrailingBytesMax: number
  /** Changes saved at a time, once a tick, of a snapshot; a store with no more is saved at once. */
  readonly snapshotStepChanges: number
  /** Changes let go of at a time, once a tick, of those that compaction made unreachable. */
  readonly scrubStepChanges: number
  /** How often a long lease's remaining time is written down, and so how much later than due a change of leader can let it end. */
  readonly leaseCheckpointTicks: number
  readonly autoCompaction: AutoCompaction
  readonly membership: MembershipOptions
}

export interface MembershipOptions {
  /** Voters wanted while enough members are live; odd. */
  readonly targetVoters: number
  readonly minVoters: number
  /** A member not heard from for this long is not counted on. */
  readonly liveTicks: number
  /** A voter silent for this long loses its vote to whoever is there. */
  readonly replaceTicks: number
  /** A member silent for this long is removed. */
  readonly forgetTicks: number
  /** A learner at most this many entries behind can be made a voter. */
  readonly promotionLagMax: number
}

const ticksPerSecond = 20

export const defaultReplicaOptions: ReplicaOptions = {
  ticksPerSecond,
  electionTicks: 20,
  heartbeatTicks: 2,
  learnerHeartbeatTicks: 8,
  appendBytesMax: 256 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  retryTicks: 2 * ticksPerSecond,
  gossipTicks: 10,
  gossipMembersMax: 4,
  gossipCrowd: 8,
  // With its head it fits into one frame of a data channel.
  snapshotChunkBytes: 60 * 1024,
  snapshotWindowBytes: 2 * 1024 * 1024,
  snapshotRetryTicks: ticksPerSecond,
  snapshotTicksMax: 30 * ticksPerSecond,
  snapshotBytesMax: 1024 * 1024 * 1024,
  compactionBytesMin: 4 * 1024 * 1024,
  compactionTrailingEntries: 1_000,
  compactionTrailingBytesMax: 4 * 1024 * 1024,
  snapshotStepChanges: 10_000,
  scrubStepChanges: 10_000,
  // etcd's is five minutes; tabs change leaders more often than servers do.
  leaseCheckpointTicks: 60 * ticksPerSecond,
  // At a write a second, close to three hours for a sleeping tab to take up its watches where they were; at a KiB a value, some
  // 10 MiB of each member's memory and snapshots.
  autoCompaction: { kind: 'revision', retentionRevisions: 10_000, everyTicks: ticksPerSecond },
  membership: {
    targetVoters: 5,
    minVoters: 1,
    liveTicks: 20,
    replaceTicks: 15 * ticksPerSecond,
    forgetTicks: 600 * ticksPerSecond,
    promotionLagMax: 100,
  },
}
