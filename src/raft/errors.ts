export type RaftErrorCode =
  /** A message that only this member may send to itself arrived from elsewhere. */
  | 'STEP_LOCAL'
  /** An answer from a member that is not in the configuration. */
  | 'STEP_PEER_NOT_FOUND'
  /** A message that no member of this code sends: no term, entries that do not follow one another, and the like. */
  | 'STEP_MALFORMED'
  /**
   * A message that cannot be true beside what this member has committed or holds: its sender made it up, or one of the two has
   * lost what it had promised to keep (a disk that was cleared, or set back to an older state).
   */
  | 'STEP_CONTRADICTION'
  /** No leader takes the proposal, or it is over the limit of uncommitted bytes. It did not and will not happen. */
  | 'PROPOSAL_DROPPED'
  /** The options given to the constructor contradict each other. */
  | 'INVALID_CONFIG'
  /** A membership change that cannot be made to the configuration in force. */
  | 'CONF_CHANGE_INVALID'
  /** Bytes that are no encoded membership change. */
  | 'CONF_CHANGE_MALFORMED'

/** What the machine refuses. None of these harms it: the caller may drop the cause and go on. */
export class RaftError extends Error {
  override readonly name = 'RaftError'
  readonly code: RaftErrorCode

  constructor(code: RaftErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
