import { assert, present } from './assert.ts'
import { type Configuration, EMPTY_CONFIGURATION } from './configuration.ts'
import { RaftError } from './errors.ts'
import type { Inflights } from './inflights.ts'
import { Progress } from './progress.ts'
import { JointQuorum, MajorityQuorum } from './quorum.ts'
import type { ProgressMap } from './tracker.ts'
import type { ConfChange, ConfChangeSingle, ConfState, Index, MemberId } from './types.ts'

/** What a change starts from. */
export interface ChangeBase {
  readonly configuration: Configuration
  readonly progress: ProgressMap
  /** New members are probed from here on. */
  readonly lastIndex: Index
  newInflights(): Inflights
}

export interface ChangeResult {
  readonly configuration: Configuration
  readonly progress: ProgressMap
}

/**
 * Applies a committed membership change (Raft thesis chapter 4): the simple protocol for a single voter, joint consensus
 * for more or on request; no changes at all leave the joint configuration.
 * Throws `RaftError` `CONF_CHANGE_INVALID` and leaves the base as it was.
 */
export function change(base: ChangeBase, confChange: ConfChange): ChangeResult {
  if (confChange.changes.length === 0) return leaveJoint(base)
  if (confChange.transition === 'auto' && confChange.changes.length === 1) return simple(base, confChange.changes)
  return enterJoint(base, confChange.transition !== 'jointExplicit', confChange.changes)
}

/** Changes at most one voter: old and new majorities then always overlap (thesis 4.1). */
export function simple(base: ChangeBase, changes: readonly ConfChangeSingle[]): ChangeResult {
  if (base.configuration.voters.isJoint) refuse("can't apply simple config change in joint config")
  const draft = new Draft(base)
  draft.applyAll(changes)
  const before = base.configuration.voters.incoming
  let changed = 0
  for (const member of before.members) if (!draft.incoming.has(member)) changed++
  for (const member of draft.incoming) if (!before.has(member)) changed++
  if (changed > 1) refuse('more than one voter changed without entering joint config')
  return draft.finish()
}

/** The present voters become the outgoing half, the changes are made to the incoming one (thesis 4.3). */
export function enterJoint(base: ChangeBase, autoLeave: boolean, changes: readonly ConfChangeSingle[]): ChangeResult {
  const { voters } = base.configuration
  if (voters.isJoint) refuse('config is already joint')
  if (voters.incoming.size === 0) refuse("can't make a zero-voter config joint")
  const draft = new Draft(base)
  draft.outgoing = new Set(voters.incoming.members)
  draft.applyAll(changes)
  draft.autoLeave = autoLeave
  return draft.finish()
}

/** The outgoing half goes; voters it was to lose to learnerhood become learners now. */
export function leaveJoint(base: ChangeBase): ChangeResult {
  if (!base.configuration.voters.isJoint) refuse("can't leave a non-joint config")
  const draft = new Draft(base)
  for (const member of draft.learnersNext) {
    draft.learners.add(member)
    draft.progressOf(member).isLearner = true
  }
  draft.learnersNext.clear()
  for (const member of draft.outgoing) {
    if (!draft.incoming.has(member) && !draft.learners.has(member)) draft.progress.delete(member)
  }
  draft.outgoing.clear()
  draft.autoLeave = false
  return draft.finish()
}

/** The configuration that a snapshot or the storage describes. */
export function restore(base: ChangeBase, confState: ConfState): ChangeResult {
  const draft = new Draft({
    configuration: EMPTY_CONFIGURATION,
    progress: new Map(),
    lastIndex: base.lastIndex,
    newInflights: () => base.newInflights(),
  })
  draft.incoming = new Set(confState.voters)
  draft.outgoing = new Set(confState.votersOutgoing)
  draft.learners = new Set(confState.learners)
  draft.learnersNext = new Set(confState.learnersNext)
  draft.autoLeave = confState.autoLeave
  for (const voter of [...draft.incoming, ...draft.outgoing]) draft.startProgress(voter, false)
  for (const learner of draft.learners) draft.startProgress(learner, true)
  return draft.finish()
}

function refuse(reason: string): never {
  throw new RaftError('CONF_CHANGE_INVALID', reason)
}

/** A configuration in the making, on copies. */
class Draft {
  incoming: Set<MemberId>
  outgoing: Set<MemberId>
  learners: Set<MemberId>
  learnersNext: Set<MemberId>
  autoLeave: boolean
  readonly progress: Map<MemberId, Progress>
  readonly #base: ChangeBase

  constructor(base: ChangeBase) {
    const { voters, learners, learnersNext, autoLeave } = base.configuration
    this.incoming = new Set(voters.incoming.members)
    this.outgoing = new Set(voters.outgoing.members)
    this.learners = new Set(learners)
    this.learnersNext = new Set(learnersNext)
    this.autoLeave = autoLeave
    this.progress = new Map()
    for (const [member, progress] of base.progress) this.progress.set(member, progress.clone())
    this.#base = base
  }

  progressOf(member: MemberId): Progress {
    return present(this.progress.get(member), 'changer: member without progress')
  }

  applyAll(changes: readonly ConfChangeSingle[]): void {
    for (const { type, member } of changes) {
      // A change whose member was zeroed was taken back by the application.
      if (member === 0) continue
      switch (type) {
        case 'addVoter':
          this.#makeVoter(member)
          break
        case 'addLearner':
          this.#makeLearner(member)
          break
        case 'removeMember':
          this.#remove(member)
          break
        case 'updateMember':
          break
      }
    }
    if (this.incoming.size === 0) refuse('removed all voters')
  }

  startProgress(member: MemberId, isLearner: boolean): void {
    if (this.progress.has(member)) return
    const progress = new Progress({
      match: 0,
      // Probing starts at the end of the log; a member that has nothing refuses, and says so with its hint.
      next: Math.max(this.#base.lastIndex, 1),
      isLearner,
      // Counted as active, or a quorum check could fail before the newcomer had a chance to speak.
      recentActive: true,
      inflights: this.#base.newInflights(),
    })
    this.progress.set(member, progress)
  }

  #makeVoter(member: MemberId): void {
    this.startProgress(member, false)
    this.progressOf(member).isLearner = false
    this.learners.delete(member)
    this.learnersNext.delete(member)
    this.incoming.add(member)
  }

  #makeLearner(member: MemberId): void {
    const known = this.progress.get(member)
    if (known === undefined) {
      this.startProgress(member, true)
      this.learners.add(member)
      return
    }
    if (known.isLearner) return
    this.#remove(member)
    this.progress.set(member, known)
    if (this.outgoing.has(member)) {
      this.learnersNext.add(member)
    } else {
      known.isLearner = true
      this.learners.add(member)
    }
  }

  #remove(member: MemberId): void {
    this.incoming.delete(member)
    this.learners.delete(member)
    this.learnersNext.delete(member)
    // The outgoing half needs it until the joint configuration is left.
    if (!this.outgoing.has(member)) this.progress.delete(member)
  }

  finish(): ChangeResult {
    this.#check()
    const members = [...this.progress.keys()].sort((a, b) => a - b)
    const progress = new Map<MemberId, Progress>()
    for (const member of members) progress.set(member, this.progressOf(member))
    const voters = new JointQuorum(new MajorityQuorum(this.incoming), new MajorityQuorum(this.outgoing))
    const { learners, learnersNext, autoLeave } = this
    return { configuration: { voters, learners, learnersNext, autoLeave }, progress }
  }

  #check(): void {
    const members = new Set([...this.incoming, ...this.outgoing, ...this.learners])
    assert(members.size === this.progress.size, 'changer: progress of a member that is none')
    for (const member of members) assert(this.progress.has(member), 'changer: member without progress')
    for (const learner of this.learners) {
      assert(!this.incoming.has(learner), 'changer: learner is an incoming voter')
      assert(!this.outgoing.has(learner), 'changer: learner is an outgoing voter')
      assert(this.progressOf(learner).isLearner, 'changer: learner not marked as one')
    }
    for (const member of this.learnersNext) {
      assert(this.outgoing.has(member), 'changer: future learner is no outgoing voter')
      assert(!this.incoming.has(member), 'changer: future learner is an incoming voter')
      assert(!this.progressOf(member).isLearner, 'changer: future learner already marked as one')
    }
    if (this.outgoing.size === 0) {
      assert(this.learnersNext.size === 0, 'changer: future learners outside a joint configuration')
      assert(!this.autoLeave, 'changer: automatic leave outside a joint configuration')
    }
  }
}
