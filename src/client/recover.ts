import type { MemberId } from '../raft/types.ts'
import type { Revision } from '../store/types.ts'
import type { RecoveredData } from '../worker/data-protocol.ts'
import { askWorker } from './ask-worker.ts'
import type { Database } from './database.ts'
import { Ear, type RecoverRefusal } from './ear.ts'
import { aborted, FlotillaError } from './errors.ts'
import { formatInvite, newInvite, parseInvite } from './invite.ts'
import { start, type TabOptions } from './open.ts'

/** What is being done, in this order. */
export type RecoverStep = 'listening' | 'founding' | 'opening'

export interface RecoverOptions extends TabOptions {
  /** Of the cluster that lost its quorum. */
  readonly invite: string
  /** How long other members are listened for before the quorum counts as lost. 15,000 if not given. */
  readonly listenMs?: number
  /** Goes on in spite of these. */
  readonly force?: readonly RecoverRefusal[]
  readonly onStep?: (step: RecoverStep) => void
}

/** A voter of the old cluster whose log this browser does not have. */
export interface MissingVoter {
  readonly member: MemberId
  /** When it was last heard while this browser listened; null if it was not. */
  readonly lastHeard: Date | null
}

export interface RecoverReport {
  /** Whose log the data are from. */
  readonly member: MemberId
  /** The last revision there is. */
  readonly revision: Revision
  /**
   * So many of the log's last entries were not known to be committed. They were taken, since they may have been acknowledged; so
   * a write that nobody was told of may have happened by this.
   */
  readonly entriesBeyondCommit: number
  /** Writes of this browser that the old cluster never answered. They go to the new one. */
  readonly outboxWrites: number
  readonly missing: readonly MissingVoter[]
  /** Members whose logs here are damaged, and were left aside. */
  readonly damaged: readonly MemberId[]
}

export interface Recovered {
  /** Of the new cluster; its invite is new, too. */
  readonly database: Database
  readonly report: RecoverReport
}

const listenMsDefault = 15_000

/**
 * For a cluster whose quorum is lost for good: founds a new one, with an id and an invite of its own, with all that this browser
 * knows of the old. Takes the log that goes furthest, to its very end, and the writes that were never answered. The old
 * logs stay until they are erased.
 *
 * What this browser was never told is lost, even if it was acknowledged elsewhere: recover in the browser that knows most. And only
 * in one: recovered twice, a cluster becomes two.
 *
 * First it listens, as a member of the old cluster, and refuses: with `QUORUM_REACHABLE` if there is a leader; with `MEMBER_AHEAD` if a
 * member in reach has more than this browser; with `SIGNALING_UNREACHABLE` if nobody could have been heard. Further errors:
 * `NOT_HELD` if this browser holds nothing of the cluster; `IN_USE` if a tab of this browser has it open; `CORRUPT`,
 * `INVALID_INVITE`, and those of `create`.
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { signal, onStep = () => {} } = options
  const lost = parseInvite(options.invite)
  onStep('listening')
  const heard = await listen(options)
  if (signal?.aborted) throw aborted(signal, 'definite')
  onStep('founding')
  const invite = newInvite()
  const data = await askWorker(control => control.recover(lost.clusterId, invite.clusterId))
  onStep('opening')
  try {
    // From here on it cannot be given up: nobody has the invite yet.
    const { signal: _, ...rest } = options
    return { database: await start('open', invite, rest), report: reportOf(data, heard) }
  } catch (error) {
    await askWorker(control => control.erase(invite.clusterId)).catch(() => {
      throw new FlotillaError(
        'INTERNAL',
        `The data were saved but cannot be opened now. They are in this browser, under ${formatInvite(invite)}`,
        { cause: error },
      )
    })
    throw error
  }
}

/** Takes part in the old cluster for a while. Returns when each of its other members was last connected. */
async function listen(options: RecoverOptions): Promise<ReadonlyMap<MemberId, Date>> {
  const { force = [], listenMs = listenMsDefault } = options
  const database = await start('resume', parseInvite(options.invite), { ...options, persist: 'never' })
  try {
    const ear = new Ear(database.statusStore, force)
    const refusal = await ear.listen(listenMs, options.signal)
    if (refusal !== null) throw refusal
    return ear.heard
  } finally {
    await database.close()
  }
}

function reportOf(data: RecoveredData, heard: ReadonlyMap<MemberId, Date>): RecoverReport {
  const { voters, held, ...rest } = data
  const missing = voters
    .filter(member => !held.includes(member))
    .map(member => ({ member, lastHeard: heard.get(member) ?? null }))
  return { ...rest, missing }
}
