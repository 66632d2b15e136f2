import { Inflights } from '../../../src/raft/inflights.ts'
import { RaftLog } from '../../../src/raft/log.ts'
import { JointQuorum, MajorityQuorum } from '../../../src/raft/quorum.ts'
import { Raft } from '../../../src/raft/raft.ts'
import { RawNode } from '../../../src/raft/raw-node.ts'
import { ReadOnly } from '../../../src/raft/read-only.ts'
import { ProgressTracker } from '../../../src/raft/tracker.ts'
import { type MemberId, NONE } from '../../../src/raft/types.ts'
import { Unstable } from '../../../src/raft/unstable.ts'
import { MembershipDriver } from '../../../src/replica/membership-driver.ts'
import type { Mutant } from './mutants.ts'
import { all, replaceGetter, replaceMethod } from './patch.ts'

/** Elections, replication, commitment, membership and the leader's side of reads. */
export const raftMutants: readonly Mutant[] = [
  {
    name: 'votes are told before they are durable',
    install: () => sendsAtOnce('MsgVoteResp'),
  },
  {
    name: 'appends are acknowledged before they are durable',
    install: () => sendsAtOnce('MsgAppResp'),
  },
  {
    name: 'a second candidate of a term gets a vote as well',
    install: () =>
      replaceMethod(
        Raft.prototype,
        'step',
        original =>
          function (this: Raft, message) {
            if (message.type === 'MsgVote' && message.term === this.term && this.role === 'follower') {
              this.vote = NONE
              this.leader = NONE
            }
            return original.call(this, message)
          },
      ),
  },
  {
    name: 'pre-votes count as votes',
    install: () =>
      replaceMethod(
        ProgressTracker.prototype,
        'resetVotes',
        original =>
          function (this: ProgressTracker) {
            const { granted } = this.tallyVotes()
            if (granted === 0) original.call(this)
          },
      ),
  },
  {
    name: 'voters do not compare logs',
    install: () => replaceMethod(RaftLog.prototype, 'isUpToDate', () => () => true),
  },
  {
    name: 'voters compare the lengths of logs and not their terms',
    install: () =>
      replaceMethod(
        RaftLog.prototype,
        'isUpToDate',
        () =>
          function (this: RaftLog, lastIndex) {
            return lastIndex >= this.lastIndex
          },
      ),
  },
  {
    name: 'voters compare the terms of logs and not their lengths',
    install: () =>
      replaceMethod(
        RaftLog.prototype,
        'isUpToDate',
        () =>
          function (this: RaftLog, _lastIndex, lastTerm) {
            return lastTerm >= this.lastTerm
          },
      ),
  },
  {
    name: 'a new leader adds no entry of its own',
    install: () =>
      replaceMethod(
        Raft.prototype,
        'appendEntries',
        original =>
          function (this: Raft, entries) {
            const [only] = entries
            if (entries.length === 1 && only?.type === 'normal' && only.data.length === 0) return true
            return original.call(this, entries)
          },
      ),
  },
  {
    name: 'followers do not look at what comes before the entries they are sent',
    install: () => replaceMethod(RaftLog.prototype, 'matchTerm', () => () => true),
  },
  {
    name: 'an append that comes late cuts off what came after it',
    install: () =>
      replaceMethod(
        RaftLog.prototype,
        'maybeAppend',
        original =>
          function (this: RaftLog, prevIndex, prevTerm, entries, leaderCommit) {
            const last = original.call(this, prevIndex, prevTerm, entries, leaderCommit)
            const uncommitted = entries.filter(({ index }) => index > this.committed)
            if (last !== null && last < this.lastIndex) this.append(uncommitted)
            return last
          },
      ),
  },
  {
    name: 'followers commit before they have compared logs',
    install: () =>
      replaceMethod(
        RaftLog.prototype,
        'maybeAppend',
        original =>
          function (this: RaftLog, prevIndex, prevTerm, entries, leaderCommit) {
            const last = original.call(this, prevIndex, prevTerm, entries, leaderCommit)
            if (last === null) this.commitTo(Math.min(leaderCommit, this.lastIndex))
            return last
          },
      ),
  },
  {
    name: 'heartbeats tell everyone to commit what the leader has committed',
    install: () =>
      replaceMethod(
        Raft.prototype,
        'send',
        original =>
          function (this: Raft, message) {
            const { committed } = this.log
            original.call(this, message.type === 'MsgHeartbeat' ? { ...message, commit: committed } : message)
          },
      ),
  },
  {
    name: 'entries of earlier terms are committed by counting copies',
    install: () =>
      replaceMethod(
        RaftLog.prototype,
        'maybeCommit',
        original =>
          function (this: RaftLog, index) {
            return original.call(this, index, this.term(index) ?? 0)
          },
      ),
  },
  {
    name: 'learners are counted in a quorum',
    install: () =>
      replaceMethod(
        ProgressTracker.prototype,
        'committedIndex',
        () =>
          function (this: ProgressTracker) {
            return new MajorityQuorum(this.progress.keys()).committedIndex(this)
          },
      ),
  },
  {
    name: 'half of the voters are a majority',
    install: () => replaceGetter(MajorityQuorum.prototype, 'needed', ({ size }) => Math.max(1, Math.floor(size / 2))),
  },
  {
    name: 'a joint configuration decides by its new half alone',
    install: () =>
      all(
        replaceMethod(
          JointQuorum.prototype,
          'committedIndex',
          () =>
            function (this: JointQuorum, acked) {
              return this.incoming.committedIndex(acked)
            },
        ),
        replaceMethod(
          JointQuorum.prototype,
          'voteResult',
          () =>
            function (this: JointQuorum, votes) {
              return this.incoming.voteResult(votes)
            },
        ),
      ),
  },
  {
    name: 'the membership changes before the last change is applied',
    install: () =>
      all(
        replaceMethod(
          MembershipDriver.prototype,
          'drive',
          original =>
            function (this: MembershipDriver, confState, _applied, now) {
              return original.call(this, confState, Number.POSITIVE_INFINITY, now)
            },
        ),
        replaceMethod(
          Raft.prototype,
          'step',
          original =>
            function (this: Raft, message) {
              if (message.type === 'MsgProp') this.pendingConfIndex = 0
              return original.call(this, message)
            },
        ),
      ),
  },
  {
    name: 'a change of the membership is applied twice',
    install: () =>
      replaceMethod(
        RawNode.prototype,
        'applyConfChange',
        original =>
          function (this: RawNode, change) {
            original.call(this, change)
            return original.call(this, change)
          },
      ),
  },
  {
    name: 'what was replaced while it was written counts as durable',
    install: () =>
      all(
        replaceMethod(
          Raft.prototype,
          'step',
          original =>
            function (this: Raft, message) {
              const isWritten = message.type === 'MsgStorageAppendResp'
              return original.call(this, isWritten ? { ...message, term: this.term } : message)
            },
        ),
        replaceMethod(
          Unstable.prototype,
          'stableTo',
          original =>
            function (this: Unstable, index, term) {
              original.call(this, index, this.term(index) ?? term)
            },
        ),
      ),
  },
  {
    name: 'reads are answered without asking whether one still leads',
    install: () =>
      replaceMethod(
        ReadOnly.prototype,
        'release',
        original =>
          function (this: ReadOnly) {
            return original.call(this, new JointQuorum(new MajorityQuorum()))
          },
      ),
  },
  {
    name: 'a leader answers reads before it has committed an entry of its own',
    install: () => replaceGetter(Raft.prototype, 'committedInOwnTerm', () => true),
  },
  {
    name: 'an answer to an earlier heartbeat confirms the reads asked since',
    install: () => {
      const answered = new WeakMap<ReadOnly, Map<MemberId, boolean>>()
      return all(
        replaceMethod(
          Raft.prototype,
          'step',
          original =>
            function (this: Raft, message) {
              if (message.type === 'MsgCheckQuorum') answered.delete(this.readOnly)
              if (message.type === 'MsgHeartbeatResp' && message.term === this.term) {
                const members = answered.get(this.readOnly) ?? new Map<MemberId, boolean>([[this.id, true]])
                answered.set(this.readOnly, members.set(message.from, true))
              }
              return original.call(this, message)
            },
        ),
        replaceMethod(
          ReadOnly.prototype,
          'release',
          original =>
            function (this: ReadOnly, voters) {
              const isHeard = voters.voteResult(answered.get(this) ?? new Map()) === 'won'
              return original.call(this, isHeard ? new JointQuorum(new MajorityQuorum()) : voters)
            },
        ),
      )
    },
  },
  {
    name: 'who hands leadership over goes on answering reads',
    install: () =>
      replaceMethod(
        Raft.prototype,
        'step',
        original =>
          function (this: Raft, message) {
            if (message.type !== 'MsgReadIndex' || this.role !== 'leader' || this.leadTransferee === NONE) {
              return original.call(this, message)
            }
            const answer = { ...message, type: 'MsgReadIndexResp' as const, to: message.from, from: this.id }
            if (message.from === this.id) {
              this.readStates.push({ index: this.log.committed, requestContext: message.context })
            } else this.send({ ...answer, term: this.term, index: this.log.committed, entries: [] })
            return 'ok'
          },
      ),
  },
  {
    name: 'a leader does not wait for a follower that answers nothing',
    install: () => replaceGetter(Inflights.prototype, 'full', () => false),
  },
  {
    name: 'a leader takes in proposals without limit',
    install: () =>
      replaceMethod(
        Raft.prototype,
        'appendEntries',
        original =>
          function (this: Raft, entries) {
            this.uncommittedBytes = 0
            return original.call(this, entries)
          },
      ),
  },
]

/** Lets an answer go out while the write that it promises is still under way. */
function sendsAtOnce(type: 'MsgVoteResp' | 'MsgAppResp'): () => void {
  return replaceMethod(
    Raft.prototype,
    'send',
    original =>
      function (this: Raft, message) {
        if (message.type === type && message.to !== this.id) this.messages.push(message)
        else original.call(this, message)
      },
  )
}
