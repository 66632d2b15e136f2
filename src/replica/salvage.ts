import { type ChangeBase, change, restore } from '../raft/changer.ts'
import { decodeConfChange } from '../raft/conf-change.ts'
import { EMPTY_CONFIGURATION } from '../raft/configuration.ts'
import { RaftError } from '../raft/errors.ts'
import { Inflights } from '../raft/inflights.ts'
import type { ConfState, Entry, Index, MemberId, Term } from '../raft/types.ts'
import { decodeCommand } from '../store/command-codec.ts'
import { DecodeError, Store } from '../store/store.ts'
import type { Revision } from '../store/types.ts'
import type { WalState } from './types.ts'

/** What can be saved from one log of a cluster whose quorum is gone for good. */
export interface Salvage {
  /** For a new cluster to begin with: the store after all entries, with its sessions. */
  readonly data: Uint8Array
  readonly revision: Revision
  /** How many of those entries the member did not know to be committed. */
  readonly entriesBeyondCommit: number
  /** Who had a vote by the configuration that this member knew to be in force. */
  readonly voters: readonly MemberId[]
}

/** How far a log goes, in the order in which raft compares logs (paper, section 5.4.1). */
interface Reach {
  readonly term: Term
  readonly index: Index
}

function reachOf({ snapshot, entries }: WalState): Reach {
  const last = entries.at(-1) ?? snapshot?.metadata
  return { term: last?.term ?? 0, index: last?.index ?? 0 }
}

export interface MemberLog {
  readonly member: MemberId
  readonly state: WalState
}

/**
 * From the log that knows most: an entry that was acknowledged, and is in any of these logs, is in that one, too (the paper's leader
 * completeness). Where that log cannot be read, from the next. Null if no member was ever given the cluster's state.
 */
export function salvageBest(logs: readonly MemberLog[]): {
  readonly best: { readonly member: MemberId; readonly salvage: Salvage } | null
  readonly unreadable: readonly MemberId[]
} {
  const unreadable: MemberId[] = []
  for (const { member, state } of [...logs].sort((a, b) => compareReach(a.state, b.state))) {
    try {
      const saved = salvage(state)
      if (saved !== null) return { best: { member, salvage: saved }, unreadable }
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof RaftError)) throw error
      unreadable.push(member)
    }
  }
  return { best: null, unreadable }
}

/** Puts the log that knows most first. */
function compareReach(a: WalState, b: WalState): number {
  const [left, right] = [reachOf(a), reachOf(b)]
  return right.term - left.term || right.index - left.index
}

/**
 * Takes ALL entries of a log, also those not known to be committed, as etcd does when it is told to force a new cluster: a
 * member learns of a commit later than the leader acknowledges it, so what was acknowledged may be among them. What was not
 * may happen by this, too; it was asked for, and nobody was told that it had not happened.
 *
 * Null for a member that was never given the cluster's state. Throws `DecodeError` or `RaftError` for what no member wrote.
 */
export function salvage({ snapshot, entries, hardState }: WalState): Salvage | null {
  if (snapshot === null) return null
  const store = Store.restore(snapshot.data)
  for (const entry of entries) apply(store, entry)
  return {
    data: succession(store),
    revision: store.revision,
    entriesBeyondCommit: entries.filter(({ index }) => index > hardState.commit).length,
    voters: votersAfter(
      snapshot.metadata.confState,
      entries.filter(({ index }) => index <= hardState.commit),
    ),
  }
}

/** As a member does, but that nobody waits for the result: a refusal is one here as it was or would have been there. */
function apply(store: Store, { type, data }: Entry): void {
  if (type !== 'normal' || data.length === 0) return
  const command = decodeCommand(data)
  if (command.clientId === null) store.applySystem(command)
  else store.apply(command)
}

function succession(store: Store): Uint8Array {
  const writer = store.beginSuccession()
  for (;;) {
    const data = writer.step(Number.MAX_SAFE_INTEGER)
    if (data !== null) return data
  }
}

/** Of a joint configuration, those of both halves. */
function votersAfter(confState: ConfState, entries: readonly Entry[]): MemberId[] {
  const nothing: ChangeBase = {
    configuration: EMPTY_CONFIGURATION,
    progress: new Map(),
    lastIndex: 0,
    newInflights: () => new Inflights(1, 1),
  }
  let { configuration, progress } = restore(nothing, confState)
  for (const { type, data } of entries) {
    if (type === 'normal') continue
    ;({ configuration, progress } = change({ ...nothing, configuration, progress }, decodeConfChange(data)))
  }
  const { incoming, outgoing } = configuration.voters
  return [...new Set([...incoming.members, ...outgoing.members])].sort((a, b) => a - b)
}
