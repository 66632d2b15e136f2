import fc from 'fast-check'
import type { LinkFrame } from '../../../src/net/codec.ts'
import { hopsMax, type PeerRecord, setSlotsMax, type WireSet } from '../../../src/net/routed.ts'
import type { ConfState, Entry, Message, MessageType, Snapshot } from '../../../src/raft/types.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'

/** Everything members and links may say, for the tests of what carries it. */

export const safeInteger = fc.maxSafeNat()

const checksum = fc.nat({ max: 2 ** 32 - 1 })

export const bytes = fc.uint8Array({ maxLength: 40 })

/** The kinds that travel between members; the others are a member talking to itself. */
export const wireTypes = [
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
] as const satisfies readonly MessageType[]

export const localTypes = [
  'MsgHup',
  'MsgBeat',
  'MsgUnreachable',
  'MsgSnap',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
  'MsgForgetLeader',
] as const satisfies readonly MessageType[]

export const entry: fc.Arbitrary<Entry> = fc.record({
  term: safeInteger,
  index: safeInteger,
  type: fc.constantFrom('normal', 'confChange', 'confChangeV2'),
  data: bytes,
})

const members = fc.array(safeInteger, { maxLength: 5 })

const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: members,
  learners: members,
  votersOutgoing: members,
  learnersNext: members,
  autoLeave: fc.boolean(),
})

export const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  metadata: fc.record({ confState, index: safeInteger, term: safeInteger }),
  data: bytes,
})

export const raftMessage: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom(...wireTypes),
  to: safeInteger,
  from: safeInteger,
  term: safeInteger,
  logTerm: safeInteger,
  index: safeInteger,
  entries: fc.array(entry, { maxLength: 8 }),
  commit: safeInteger,
  vote: safeInteger,
  snapshot: fc.constant(null),
  reject: fc.boolean(),
  rejectHint: safeInteger,
  context: bytes,
  responses: fc.constant([]),
})

export const peerMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ kind: fc.constant('raft' as const), message: raftMessage }),
  fc.record({ kind: fc.constantFrom('join' as const, 'removed' as const), member: safeInteger }),
  fc.record({
    kind: fc.constant('leave' as const),
    member: safeInteger,
    fate: fc.constantFrom('demote' as const, 'remove' as const),
  }),
  fc.record({
    kind: fc.constant('gossip' as const),
    position: fc.record({
      role: fc.constantFrom('follower' as const, 'candidate' as const, 'leader' as const, 'preCandidate' as const),
      term: safeInteger,
      commit: safeInteger,
      applied: safeInteger,
    }),
    commitTerm: safeInteger,
  }),
  fc.record({
    kind: fc.constant('snapshotChunk' as const),
    chunk: fc.record({
      term: safeInteger,
      metadata: snapshot.map(({ metadata }) => metadata),
      checksum,
      bytes: safeInteger,
      offset: safeInteger,
      round: safeInteger,
      data: bytes,
    }),
  }),
  fc.record({
    kind: fc.constant('snapshotAck' as const),
    ack: fc.record({
      name: fc.record({ index: safeInteger, term: safeInteger, checksum }),
      verdict: fc.constantFrom('more' as const, 'done' as const, 'refused' as const),
      offset: safeInteger,
      round: safeInteger,
    }),
  }),
)

const slot = fc.nat({ max: setSlotsMax - 1 })

const wireSet: fc.Arbitrary<WireSet> = fc.oneof(
  fc.record({ kind: fc.constant('one' as const), member: safeInteger }),
  fc.record({ kind: fc.constant('new' as const), slot, members }),
  fc.record({ kind: fc.constant('known' as const), slot }),
)

const peerName = fc.string({ unit: 'grapheme', maxLength: 16 })

export const peerRecord: fc.Arbitrary<PeerRecord> = fc.record({
  peer: peerName,
  sequence: safeInteger,
  viewer: fc.boolean(),
  members,
  neighbours: fc.array(fc.record({ peer: peerName, wanted: fc.boolean() }), { maxLength: 5 }),
})

export const linkFrame: fc.Arbitrary<LinkFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    protocol: fc.nat({ max: 2 ** 32 - 1 }),
    peer: fc.string({ unit: 'grapheme', maxLength: 16 }),
    members,
  }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), nonce: safeInteger }),
  fc.constant({ kind: 'bye' as const }),
  fc.record({ kind: fc.constant('peer' as const), from: safeInteger, to: safeInteger, message: peerMessage }),
  fc.record({
    kind: fc.constant('routed' as const),
    hops: fc.nat({ max: hopsMax }),
    viewer: fc.boolean(),
    precedence: fc.constantFrom('urgent' as const, 'append' as const, 'snapshot' as const),
    origins: wireSet,
    destinations: wireSet,
    inner: bytes,
  }),
  fc.record({ kind: fc.constant('topology' as const), records: fc.array(peerRecord, { maxLength: 4 }) }),
)
