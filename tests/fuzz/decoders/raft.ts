import fc from 'fast-check'
import { decodeLinkFrame, encodePeerMessage } from '../../../src/net/codec.ts'
import { decodeConfChange, encodeConfChange } from '../../../src/raft/conf-change.ts'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { RaftError } from '../../../src/raft/errors.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { RawNode } from '../../../src/raft/raw-node.ts'
import { type ConfChange, EMPTY_BYTES, type Message } from '../../../src/raft/types.ts'
import { decodeReasons } from '../../../src/replica/events.ts'
import { raftMessage, safeInteger, wireTypes } from '../../unit/net/arbitraries.ts'
import { entries } from '../../unit/wal/writes.ts'
import { type Codec, type Decoder, drawn, encoded, takeStable, type Verdict } from '../decoder.ts'

/** Membership changes, and what the machine's door lets in. */

const change: Codec<ConfChange> = {
  read: decodeConfChange,
  write: encodeConfChange,
  declares: error => error instanceof RaftError && error.code === 'CONF_CHANGE_MALFORMED',
}

const confChange: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom('auto', 'jointImplicit', 'jointExplicit'),
  changes: fc.array(
    fc.record({
      type: fc.constantFrom(
        'addVoter' as const,
        'removeMember' as const,
        'updateMember' as const,
        'addLearner' as const,
      ),
      member: safeInteger,
    }),
    { maxLength: 5 },
  ),
  context: fc.uint8Array({ maxLength: 8 }),
})

/** What members of the cluster below might say: small numbers, of which some fit. */
const small = fc.nat(7)
const plausible: fc.Arbitrary<Message> = fc
  .tuple(raftMessage, fc.constantFrom(...wireTypes), fc.array(small, { minLength: 8, maxLength: 8 }), fc.nat(3))
  .map(([message, type, [term = 0, logTerm = 0, index = 0, commit = 0, vote = 0, rejectHint = 0, from = 0], count]) => {
    const follow = entries(index + 1, index + count, term)
    return {
      ...message,
      type,
      to: 1,
      from: 1 + (from % 4),
      term,
      logTerm,
      index,
      commit,
      vote,
      rejectHint,
      entries: follow,
    }
  })

/** Documented for `RawNode.step`. */
const stepCodes: ReadonlySet<string> = new Set([
  ...['STEP_LOCAL', 'STEP_PEER_NOT_FOUND', 'STEP_MALFORMED', 'STEP_CONTRADICTION', 'PROPOSAL_DROPPED'],
])

/** One of three voters, with five entries of which three are committed. */
function member(leads: boolean): { node: RawNode; storage: MemoryStorage } {
  const storage = new MemoryStorage()
  const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }
  storage.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: EMPTY_BYTES })
  storage.append(entries(2, 5, 2))
  storage.setHardState({ term: 3, vote: 1, commit: 3 })
  const limits = { maxSizePerMessageBytes: 4096, maxInflightMessages: 8, checkQuorum: true, preVote: !leads }
  const node = new RawNode({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage,
    applied: 1,
    random: () => 0.5,
    ...limits,
  })
  if (leads) {
    node.campaign()
    turn(node, storage)
    const granted = {
      to: 1,
      from: 2,
      term: node.term,
      logTerm: 0,
      index: 0,
      commit: 0,
      vote: 0,
    }
    node.step({ ...vote, ...granted })
    turn(node, storage)
  }
  return { node, storage }
}

const vote = {
  type: 'MsgVoteResp',
  entries: [],
  snapshot: null,
  reject: false,
  rejectHint: 0,
  context: EMPTY_BYTES,
  responses: [],
} as const

function turn(node: RawNode, storage: MemoryStorage): void {
  if (!node.hasReady()) return
  const ready = node.ready()
  storage.append(ready.entries)
  if (ready.hardState !== null) storage.setHardState(ready.hardState)
  node.advance()
}

function step(message: Message, leads: boolean): Verdict {
  const { node, storage } = member(leads)
  let verdict: Verdict = 'taken'
  try {
    node.step(message)
  } catch (error) {
    if (!(error instanceof RaftError) || !stepCodes.has(error.code)) throw error
    verdict = 'refused'
  }
  turn(node, storage)
  return verdict
}

export const raftDecoders: readonly Decoder[] = [
  {
    name: 'conf-change',
    weight: 1,
    corpus: seed => ({ valid: encoded(change, confChange, seed) }),
    take(bytes) {
      decodeReasons(bytes)
      return takeStable(change, bytes)
    },
  },
  {
    name: 'raft-step',
    weight: 0.3,
    corpus: seed => ({
      valid: [],
      odd: [...drawn(plausible, seed), ...drawn(raftMessage, seed)].map(message =>
        encodePeerMessage(message.from, message.to, { kind: 'raft', message }),
      ),
    }),
    take(bytes) {
      const decoded = decodeLinkFrame(bytes)
      if (!decoded.ok || decoded.value.kind !== 'peer' || decoded.value.message.kind !== 'raft') return 'refused'
      const { message } = decoded.value.message
      const [follower, leader] = [step(message, false), step(message, true)]
      return follower === 'taken' || leader === 'taken' ? 'taken' : 'refused'
    },
  },
]
