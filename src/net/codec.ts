import { ByteReader, BytesError, ByteWriter, integerBytes, type Scratch } from '../binary/bytes.ts'
import {
  entriesSize,
  membersSize,
  placeSize,
  readEntries,
  readMembers,
  readPlace,
  writeEntries,
  writeMembers,
  writePlace,
} from '../binary/raft.ts'
import { type MemberId, type Message, type MessageType, NONE, type Role } from '../raft/types.ts'
import type { PeerMessage, SnapshotAck, SnapshotChunk } from '../replica/types.ts'
import {
  nameBytes,
  nameOf,
  type PeerRecord,
  peerNameBytesMax,
  type RoutedFrame,
  readRecords,
  readRouted,
  recordsSize,
  routedSize,
  writeRecords,
  writeRouted,
} from './routed.ts'

/**
 * What travels between two peers, to bytes and back.
 *
 *     header  version u8, type u8, from, to           (NONE where a link speaks for itself)
 *     body    by type; a raft message is 66 fixed bytes, then context and entries; routed frames and records: see `routed.ts`
 *
 * A message's length is its envelope's business, see `frames.ts`. Decoded data are views of the bytes given.
 */

export const WIRE_VERSION = 4
/** Bounds a part of a snapshot; ours are smaller than a frame. */
export const snapshotChunkBytesMax = 256 * 1024

export type LinkFrame =
  /** First on every link, and again whenever the members a peer hosts change. */
  | { readonly kind: 'hello'; readonly protocol: number; readonly peer: string; readonly members: readonly MemberId[] }
  /** Answered at once by a `pong` with the same nonce (a safe integer). */
  | { readonly kind: 'ping'; readonly nonce: number }
  | { readonly kind: 'pong'; readonly nonce: number }
  /** The peer goes away on purpose. */
  | { readonly kind: 'bye' }
  | { readonly kind: 'peer'; readonly from: MemberId; readonly to: MemberId; readonly message: PeerMessage }
  /** Messages that others pass on. */
  | RoutedFrame
  /** Who there is and who is linked to whom, as they say. */
  | { readonly kind: 'topology'; readonly records: readonly PeerRecord[] }

/** Whoever sent bytes that do not decode is broken or hostile; the reason is for a log, not for a program. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string }

const HELLO = 1
const PING = 2
const PONG = 3
const BYE = 4
const ROUTED = 5
const TOPOLOGY = 6
const RAFT = 16
const JOIN = 17
const LEAVE = 18
const GOSSIP = 19
const REMOVED = 20
const SNAPSHOT_CHUNK = 21
const SNAPSHOT_ACK = 22

const headerBytes = 2 + 2 * integerBytes
const raftFixedBytes = 2 + 8 * integerBytes

const REJECT = 1

/**
 * Codes of raft messages; a code once given is never given to another type. A `null` is a member talking to itself:
 * it must not be sent, and is refused when received, or a stranger could make a member campaign. So does a member that has put
 * a snapshot together from its parts; 6 was MsgSnap's when it travelled whole.
 */
const messageCodes: Readonly<Record<MessageType, number | null>> = {
  MsgHup: null,
  MsgBeat: null,
  MsgProp: 1,
  MsgApp: 2,
  MsgAppResp: 3,
  MsgVote: 4,
  MsgVoteResp: 5,
  MsgSnap: null,
  MsgHeartbeat: 7,
  MsgHeartbeatResp: 8,
  MsgUnreachable: null,
  MsgSnapStatus: null,
  MsgCheckQuorum: null,
  MsgTransferLeader: 9,
  MsgTimeoutNow: 10,
  MsgReadIndex: 11,
  MsgReadIndexResp: 12,
  MsgPreVote: 13,
  MsgPreVoteResp: 14,
  MsgStorageAppend: null,
  MsgStorageAppendResp: null,
  MsgStorageApply: null,
  MsgStorageApplyResp: null,
  MsgForgetLeader: null,
}

const messageTypes: readonly (MessageType | undefined)[] = byCode(messageCodes)

const verdicts: readonly SnapshotAck['verdict'][] = ['more', 'done', 'refused']

const roleCodes: Readonly<Record<Role, number>> = { follower: 0, candidate: 1, leader: 2, preCandidate: 3 }
const roles: readonly Role[] = ['follower', 'candidate', 'leader', 'preCandidate']

/** Throws RangeError for what must never be sent: a local message, an id that is no safe integer, an overlong name. */
export function encodeLinkFrame(frame: LinkFrame): Uint8Array<ArrayBuffer> {
  switch (frame.kind) {
    case 'hello': {
      const name = nameBytes(frame.peer)
      const writer = begin(HELLO, NONE, NONE, 4 + 4 + name.length + membersSize(frame.members))
      writer.u32(frame.protocol)
      writer.u32(name.length)
      writer.bytes(name)
      writeMembers(writer, frame.members)
      return writer.finish()
    }
    case 'ping':
    case 'pong': {
      const writer = begin(frame.kind === 'ping' ? PING : PONG, NONE, NONE, integerBytes)
      writer.integer(frame.nonce)
      return writer.finish()
    }
    case 'bye':
      return begin(BYE, NONE, NONE, 0).finish()
    case 'peer':
      return encodePeerMessage(frame.from, frame.to, frame.message)
    case 'routed': {
      const writer = begin(ROUTED, NONE, NONE, routedSize(frame))
      writeRouted(writer, frame)
      return writer.finish()
    }
    case 'topology': {
      const writer = begin(TOPOLOGY, NONE, NONE, recordsSize(frame.records))
      writeRecords(writer, frame.records)
      return writer.finish()
    }
  }
}

/** Never throws, whatever the bytes. */
export function decodeLinkFrame(bytes: Uint8Array): Decoded<LinkFrame> {
  try {
    const reader = new ByteReader(bytes)
    const value = readLinkFrame(reader)
    reader.finish()
    return { ok: true, value }
  } catch (error) {
    if (error instanceof BytesError) return { ok: false, reason: error.message }
    throw error
  }
}

/** In `scratch`, if it fits: then it is good until that is written to again. */
export function encodePeerMessage(
  from: MemberId,
  to: MemberId,
  message: PeerMessage,
  scratch: Scratch | null = null,
): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case 'raft': {
      const writer = begin(RAFT, from, to, raftMessageSize(message.message), scratch)
      writeRaftMessage(writer, message.message)
      return writer.finish()
    }
    case 'join':
    case 'removed': {
      const writer = begin(message.kind === 'join' ? JOIN : REMOVED, from, to, integerBytes, scratch)
      writer.integer(message.member)
      return writer.finish()
    }
    case 'leave': {
      const writer = begin(LEAVE, from, to, integerBytes + 1, scratch)
      writer.integer(message.member)
      writer.u8(message.fate === 'remove' ? 1 : 0)
      return writer.finish()
    }
    case 'gossip': {
      const { role, term, commit, applied } = message.position
      const writer = begin(GOSSIP, from, to, 1 + 4 * integerBytes, scratch)
      writer.u8(roleCodes[role])
      writer.integer(term)
      writer.integer(commit)
      writer.integer(applied)
      writer.integer(message.commitTerm)
      return writer.finish()
    }
    case 'snapshotChunk': {
      const { chunk } = message
      const writer = begin(
        SNAPSHOT_CHUNK,
        from,
        to,
        4 * integerBytes + 8 + placeSize(chunk.metadata) + chunk.data.length,
        scratch,
      )
      writeSnapshotChunk(writer, chunk)
      return writer.finish()
    }
    case 'snapshotAck': {
      const { name, verdict, offset, round } = message.ack
      const writer = begin(SNAPSHOT_ACK, from, to, 4 * integerBytes + 5, scratch)
      writer.integer(name.index)
      writer.integer(name.term)
      writer.u32(name.checksum)
      writer.u8(verdicts.indexOf(verdict))
      writer.integer(offset)
      writer.integer(round)
      return writer.finish()
    }
  }
}

/** Of an encoded peer message: a follower or learner says that it has something, or is there. A refusal is none. */
export function isAcknowledgement(bytes: Uint8Array): boolean {
  if (bytes.length < headerBytes + raftFixedBytes || bytes[1] !== RAFT || bytes[headerBytes + 1] !== 0) return false
  const type = messageTypes[bytes[headerBytes] ?? 0]
  return type === 'MsgAppResp' || type === 'MsgHeartbeatResp'
}

function writeSnapshotChunk(writer: ByteWriter, chunk: SnapshotChunk): void {
  if (chunk.data.length > snapshotChunkBytesMax) throw new RangeError(`${chunk.data.length} bytes of a snapshot`)
  writer.integer(chunk.term)
  writePlace(writer, chunk.metadata)
  writer.u32(chunk.checksum)
  writer.integer(chunk.bytes)
  writer.integer(chunk.offset)
  writer.integer(chunk.round)
  writer.u32(chunk.data.length)
  writer.bytes(chunk.data)
}

function begin(
  type: number,
  from: MemberId,
  to: MemberId,
  bodySize: number,
  scratch: Scratch | null = null,
): ByteWriter {
  const writer = new ByteWriter(headerBytes + bodySize, scratch)
  writer.u8(WIRE_VERSION)
  writer.u8(type)
  writer.integer(from)
  writer.integer(to)
  return writer
}

function readLinkFrame(reader: ByteReader): LinkFrame {
  const version = reader.u8()
  if (version !== WIRE_VERSION) throw new BytesError(`wire version ${version}`)
  const type = reader.u8()
  const from = reader.integer()
  const to = reader.integer()
  switch (type) {
    case HELLO: {
      const protocol = reader.u32()
      const nameLength = reader.u32()
      if (nameLength > peerNameBytesMax) throw new BytesError(`a peer name of ${nameLength} bytes`)
      const peer = nameOf(reader.bytes(nameLength))
      return { kind: 'hello', protocol, peer, members: readMembers(reader) }
    }
    case PING:
      return { kind: 'ping', nonce: reader.integer() }
    case PONG:
      return { kind: 'pong', nonce: reader.integer() }
    case BYE:
      return { kind: 'bye' }
    case ROUTED:
      return readRouted(reader)
    case TOPOLOGY:
      return { kind: 'topology', records: readRecords(reader) }
    default:
      return { kind: 'peer', from, to, message: readPeerMessage(reader, type) }
  }
}

function readPeerMessage(reader: ByteReader, type: number): PeerMessage {
  switch (type) {
    case RAFT:
      return { kind: 'raft', message: readRaftMessage(reader) }
    case JOIN:
      return { kind: 'join', member: reader.integer() }
    case LEAVE:
      return { kind: 'leave', member: reader.integer(), fate: reader.boolean() ? 'remove' : 'demote' }
    case GOSSIP: {
      const role = roles[reader.u8()]
      if (role === undefined) throw new BytesError('unknown role')
      return {
        kind: 'gossip',
        position: { role, term: reader.integer(), commit: reader.integer(), applied: reader.integer() },
        commitTerm: reader.integer(),
      }
    }
    case REMOVED:
      return { kind: 'removed', member: reader.integer() }
    case SNAPSHOT_CHUNK:
      return { kind: 'snapshotChunk', chunk: readSnapshotChunk(reader) }
    case SNAPSHOT_ACK: {
      const name = { index: reader.integer(), term: reader.integer(), checksum: reader.u32() }
      const verdict = verdicts[reader.u8()]
      if (verdict === undefined) throw new BytesError('unknown verdict')
      return { kind: 'snapshotAck', ack: { name, verdict, offset: reader.integer(), round: reader.integer() } }
    }
    default:
      throw new BytesError(`unknown frame type ${type}`)
  }
}

function readSnapshotChunk(reader: ByteReader): SnapshotChunk {
  const term = reader.integer()
  const metadata = readPlace(reader)
  const checksum = reader.u32()
  const bytes = reader.integer()
  const offset = reader.integer()
  const round = reader.integer()
  const length = reader.u32()
  if (length > snapshotChunkBytesMax) throw new BytesError(`${length} bytes of a snapshot`)
  return { term, metadata, checksum, bytes, offset, round, data: reader.bytes(length) }
}

function raftMessageSize({ context, entries }: Message): number {
  return raftFixedBytes + 4 + context.length + entriesSize(entries)
}

function writeRaftMessage(writer: ByteWriter, message: Message): void {
  const code = messageCodes[message.type]
  if (code === null) throw new RangeError(`${message.type} is a member talking to itself`)
  if (message.snapshot !== null) throw new RangeError('a snapshot travels in parts')
  if (message.responses.length > 0) throw new RangeError('responses stay with the member that waits for its storage')
  writer.u8(code)
  writer.u8(message.reject ? REJECT : 0)
  writer.integer(message.to)
  writer.integer(message.from)
  writer.integer(message.term)
  writer.integer(message.logTerm)
  writer.integer(message.index)
  writer.integer(message.commit)
  writer.integer(message.vote)
  writer.integer(message.rejectHint)
  writer.u32(message.context.length)
  writer.bytes(message.context)
  writeEntries(writer, message.entries)
}

function readRaftMessage(reader: ByteReader): Message {
  const type = messageTypes[reader.u8()]
  if (type === undefined) throw new BytesError('unknown raft message type')
  const flags = reader.u8()
  if (flags > REJECT) throw new BytesError(`unknown flags ${flags}`)
  const to = reader.integer()
  const from = reader.integer()
  const term = reader.integer()
  const logTerm = reader.integer()
  const index = reader.integer()
  const commit = reader.integer()
  const vote = reader.integer()
  const rejectHint = reader.integer()
  const context = reader.bytes(reader.u32())
  const entries = readEntries(reader)
  const reject = flags === REJECT
  // The fields in the order of `Message`, so that every message has the same hidden class as those raft makes.
  return {
    type,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    vote,
    snapshot: null,
    reject,
    rejectHint,
    context,
    responses: [],
  }
}

function byCode(codes: Readonly<Record<MessageType, number | null>>): readonly (MessageType | undefined)[] {
  const types: (MessageType | undefined)[] = []
  for (const [type, code] of Object.entries(codes)) {
    if (code !== null) types[code] = type as MessageType
  }
  return types
}
