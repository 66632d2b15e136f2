/**
 * Every number a replica goes by. Times are in ticks; the owner decides how long a tick is (50 ms in a tab).
 */
export interface ReplicaOptions {
  /** A follower that heard nothing for this long, up to twice as long, starts a pre-vote. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** Payload bytes of one append message; one larger entry still travels alone. */
  readonly appendBytesMax: number
  /** Append messages on their way to one follower. */
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  /** Proposals a leader takes in before a quorum has confirmed earlier ones. */
  readonly uncommittedBytesMax: number
  /** A write or read that got no answer for this long is sent again. */
  readonly retryTicks: number
  /** How often members tell each other where they stand. */
  readonly gossipTicks: number
  /** A snapshot on its way that long is taken for lost. */
  readonly snapshotTicksMax: number
  /** The log is compacted when it outgrows the newest snapshot and this. */
  readonly compactionBytesMin: number
  /** Entries kept behind a compaction, so that a follower a little behind needs no snapshot. */
  readonly compactionTrailingEntries: number
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
  electionTicks: 20,
  heartbeatTicks: 2,
  appendBytesMax: 256 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  retryTicks: 2 * ticksPerSecond,
  gossipTicks: 10,
  snapshotTicksMax: 30 * ticksPerSecond,
  compactionBytesMin: 4 * 1024 * 1024,
  compactionTrailingEntries: 1_000,
  membership: {
    targetVoters: 5,
    minVoters: 1,
    liveTicks: 20,
    replaceTicks: 15 * ticksPerSecond,
    forgetTicks: 600 * ticksPerSecond,
    promotionLagMax: 100,
  },
}
