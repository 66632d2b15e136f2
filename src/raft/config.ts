import { RaftError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { Storage } from './storage.ts'
import { type Index, type MemberId, NONE } from './types.ts'

/**
 * How a linearizable read proves that its leader still leads (thesis 6.4).
 * - `safe`: by a round of heartbeats that a quorum answers.
 * - `leaseBased`: by the clock, as long as a quorum answered within the election timeout. Wrong where clocks stop, and the
 *   clock of a suspended tab does.
 */
export type ReadOnlyMode = 'safe' | 'leaseBased'

export interface RaftConfig {
  readonly id: MemberId
  /** A follower that hears no leader for this many ticks campaigns; randomized up to twice this (paper 5.2). */
  readonly electionTicks: number
  /** A leader makes itself heard every so many ticks. Well below `electionTicks`. */
  readonly heartbeatTicks: number
  /**
   * To learners it does so this rarely: no election hangs on them, and they may be many. Then no read asks them to confirm who leads,
   * either. Default: `heartbeatTicks`.
   */
  readonly learnerHeartbeatTicks?: number
  readonly storage: Storage
  /** The state machine has already applied everything up to here (at most the stored commit index); it is not handed out again. */
  readonly applied?: Index
  /**
   * Storage is written and entries are applied elsewhere, in their own time: `Ready` then carries messages to
   * `LOCAL_APPEND_THREAD` and `LOCAL_APPLY_THREAD`, and `advance` is not called.
   */
  readonly asyncStorageWrites?: boolean
  /** Limit of one append message; a single larger entry still goes out, alone. */
  readonly maxSizePerMessageBytes: number
  /** Limit of what is handed out to be applied and not yet acknowledged. Default: `maxSizePerMessageBytes`. */
  readonly maxCommittedSizePerReadyBytes?: number
  /** Payload a leader takes on before it is committed; more is dropped. Default: no limit. */
  readonly maxUncommittedBytes?: number
  /** Append messages under way to one follower. */
  readonly maxInflightMessages: number
  /** Payload under way to one follower. Default: no limit. */
  readonly maxInflightBytes?: number
  /**
   * A leader that cannot reach a quorum, or whose own disk does not answer, steps down; and nobody votes against a leader it
   * hears (thesis 6.2, 4.2.3).
   */
  readonly checkQuorum: boolean
  /** Ask before disturbing a leader with a higher term (thesis 9.6). */
  readonly preVote: boolean
  /** Default: `safe`. */
  readonly readOnly?: ReadOnlyMode
  /** A follower drops proposals instead of passing them on to the leader. */
  readonly disableProposalForwarding?: boolean
  /** Membership changes are appended unchecked. Only for replaying histories: a change that cannot be applied is fatal. */
  readonly disableConfChangeValidation?: boolean
  /** A leader that a change removes or demotes becomes a follower when it applies the change (thesis 4.2.2). */
  readonly stepDownOnRemoval?: boolean
  /** A number in [0, 1): the only source of randomness. */
  readonly random: () => number
  readonly logger?: Logger
}

export interface ResolvedConfig extends Required<Omit<RaftConfig, 'logger'>> {
  readonly logger: Logger | undefined
}

/** Fills in the defaults. Throws `RaftError` `INVALID_CONFIG`. */
export function resolveConfig(config: RaftConfig): ResolvedConfig {
  const resolved: ResolvedConfig = {
    applied: 0,
    learnerHeartbeatTicks: config.heartbeatTicks,
    asyncStorageWrites: false,
    maxCommittedSizePerReadyBytes: config.maxSizePerMessageBytes,
    maxUncommittedBytes: Number.POSITIVE_INFINITY,
    maxInflightBytes: Number.POSITIVE_INFINITY,
    readOnly: 'safe',
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    logger: undefined,
    ...config,
  }
  const check = (holds: boolean, rule: string): void => {
    if (!holds) throw new RaftError('INVALID_CONFIG', rule)
  }
  check(Number.isSafeInteger(resolved.id) && resolved.id > NONE, 'id must be a positive safe integer')
  check(resolved.heartbeatTicks > 0, 'heartbeatTicks must be positive')
  check(resolved.electionTicks > resolved.heartbeatTicks, 'electionTicks must be greater than heartbeatTicks')
  check(
    resolved.learnerHeartbeatTicks >= resolved.heartbeatTicks,
    'learnerHeartbeatTicks must not be below heartbeatTicks',
  )
  check(
    resolved.electionTicks > resolved.learnerHeartbeatTicks,
    'electionTicks must be greater than learnerHeartbeatTicks',
  )
  check(resolved.maxInflightMessages > 0, 'maxInflightMessages must be positive')
  check(resolved.maxSizePerMessageBytes >= 0, 'maxSizePerMessageBytes must not be negative')
  check(resolved.maxCommittedSizePerReadyBytes > 0, 'maxCommittedSizePerReadyBytes must be positive')
  check(
    resolved.maxInflightBytes >= resolved.maxSizePerMessageBytes,
    'maxInflightBytes must be at least maxSizePerMessageBytes',
  )
  check(resolved.checkQuorum || resolved.readOnly === 'safe', 'leaseBased reads need checkQuorum')
  return resolved
}
