import { type ByteReader, BytesError, type ByteWriter, integerBytes } from '../binary/bytes.ts'
import { membersSize, readMembers, writeMembers } from '../binary/raft.ts'
import type { MemberId } from '../raft/types.ts'

/**
 * What travels between peers that have no link to each other, by way of others, and how those know the way.
 *
 *     routed    hops u8, flags u8 (1: from a viewer), precedence u8, origins, destinations, length u32, a peer frame
 *     set       how u8, then   1: member
 *                              2: slot u8, count u32, members: to be remembered under that number, on this link and in this precedence
 *                              3: slot u8: what was remembered
 *     record    name, sequence, flags u8 (1: a viewer), members, count u32, then of each neighbour: name, flags u8 (1: wanted)
 *     name      length u8, UTF-8
 */

/** Bounds a peer's name; ours are 32 hex digits. */
export const peerNameBytesMax = 255
/** Enough for any path in a mesh of thousands; what travels further goes round in circles. */
export const hopsMax = 16
/** Origins, or destinations, of one routed frame. */
export const setMembersMax = 4_096
/** Sets that the two ends of a link remember by number, for each precedence. */
export const setSlotsMax = 64
/** One tab's member and those it lends a voice. */
export const recordMembersMax = 256
export const recordNeighboursMax = 256
/** Of one topology frame. */
export const recordsMax = 64

export type Precedence = 'urgent' | 'append' | 'snapshot'

/** A set of members as it is on the wire: a long one is sent once and known by its slot from then on. */
export type WireSet =
  | { readonly kind: 'one'; readonly member: MemberId }
  | { readonly kind: 'new'; readonly slot: number; readonly members: readonly MemberId[] }
  | { readonly kind: 'known'; readonly slot: number }

/** One message of each of its origins to each of its destinations, all alike but for their names. */
export interface RoutedFrame {
  readonly kind: 'routed'
  /** How often it may still be passed on. */
  readonly hops: number
  /** One of its origins is a viewer's, by the word of the first editor on the way. */
  readonly viewer: boolean
  readonly precedence: Precedence
  readonly origins: WireSet
  readonly destinations: WireSet
  /** A peer frame, in which NONE stands for the origin and for the destination. Read by the destination only. */
  readonly inner: Uint8Array
}

/** What a peer says of itself, to be passed on to everyone. */
export interface PeerRecord {
  readonly peer: string
  /** A later one takes the place of an earlier one. */
  readonly sequence: number
  readonly viewer: boolean
  readonly members: readonly MemberId[]
  readonly neighbours: readonly Neighbour[]
}

export interface Neighbour {
  readonly peer: string
  /** That peer wants the link; one that neither end wants is surplus. */
  readonly wanted: boolean
}

const ONE = 1
const NEW = 2
const KNOWN = 3

const precedences: readonly Precedence[] = ['urgent', 'append', 'snapshot']

export function nameBytes(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name)
  if (bytes.length > peerNameBytesMax) throw new RangeError(`a peer name of ${bytes.length} bytes`)
  return bytes
}

export function routedSize({ origins, destinations, inner }: RoutedFrame): number {
  return 3 + setSize(origins) + setSize(destinations) + 4 + inner.length
}

export function writeRouted(writer: ByteWriter, frame: RoutedFrame): void {
  if (frame.hops > hopsMax) throw new RangeError(`${frame.hops} hops`)
  writer.u8(frame.hops)
  writer.u8(frame.viewer ? 1 : 0)
  writer.u8(precedences.indexOf(frame.precedence))
  writeSet(writer, frame.origins)
  writeSet(writer, frame.destinations)
  writer.u32(frame.inner.length)
  writer.bytes(frame.inner)
}

export function readRouted(reader: ByteReader): RoutedFrame {
  const hops = reader.u8()
  if (hops > hopsMax) throw new BytesError(`${hops} hops`)
  const viewer = reader.boolean()
  const precedence = precedences[reader.u8()]
  if (precedence === undefined) throw new BytesError('unknown precedence')
  const origins = readSet(reader)
  const destinations = readSet(reader)
  return { kind: 'routed', hops, viewer, precedence, origins, destinations, inner: reader.bytes(reader.u32()) }
}

function setSize(set: WireSet): number {
  switch (set.kind) {
    case 'one':
      return 1 + integerBytes
    case 'new':
      return 2 + membersSize(set.members)
    case 'known':
      return 2
  }
}

function writeSet(writer: ByteWriter, set: WireSet): void {
  switch (set.kind) {
    case 'one':
      writer.u8(ONE)
      writer.integer(set.member)
      break
    case 'new':
      if (set.members.length > setMembersMax) throw new RangeError(`a set of ${set.members.length} members`)
      writer.u8(NEW)
      writer.u8(set.slot)
      writeMembers(writer, set.members)
      break
    case 'known':
      writer.u8(KNOWN)
      writer.u8(set.slot)
      break
  }
}

function readSet(reader: ByteReader): WireSet {
  const how = reader.u8()
  switch (how) {
    case ONE:
      return { kind: 'one', member: reader.integer() }
    case NEW: {
      const slot = readSlot(reader)
      const members = readMembers(reader)
      if (members.length > setMembersMax) throw new BytesError(`a set of ${members.length} members`)
      return { kind: 'new', slot, members }
    }
    case KNOWN:
      return { kind: 'known', slot: readSlot(reader) }
    default:
      throw new BytesError(`unknown kind of set ${how}`)
  }
}

function readSlot(reader: ByteReader): number {
  const slot = reader.u8()
  if (slot >= setSlotsMax) throw new BytesError(`slot ${slot}`)
  return slot
}

export function recordsSize(records: readonly PeerRecord[]): number {
  let size = 4
  for (const { peer, members, neighbours } of records) {
    size += 1 + nameBytes(peer).length + integerBytes + 1 + membersSize(members) + 4
    for (const neighbour of neighbours) size += 2 + nameBytes(neighbour.peer).length
  }
  return size
}

export function writeRecords(writer: ByteWriter, records: readonly PeerRecord[]): void {
  if (records.length > recordsMax) throw new RangeError(`${records.length} records`)
  writer.u32(records.length)
  for (const { peer, sequence, viewer, members, neighbours } of records) {
    if (members.length > recordMembersMax) throw new RangeError(`a peer with ${members.length} members`)
    if (neighbours.length > recordNeighboursMax) throw new RangeError(`a peer with ${neighbours.length} links`)
    writeName(writer, peer)
    writer.integer(sequence)
    writer.u8(viewer ? 1 : 0)
    writeMembers(writer, members)
    writer.u32(neighbours.length)
    for (const { peer, wanted } of neighbours) {
      writeName(writer, peer)
      writer.u8(wanted ? 1 : 0)
    }
  }
}

export function readRecords(reader: ByteReader): readonly PeerRecord[] {
  const count = reader.count(1 + integerBytes + 1 + 4 + 4)
  if (count > recordsMax) throw new BytesError(`${count} records`)
  return Array.from({ length: count }, () => readRecord(reader))
}

function readRecord(reader: ByteReader): PeerRecord {
  const peer = readName(reader)
  const sequence = reader.integer()
  const viewer = reader.boolean()
  const members = readMembers(reader)
  if (members.length > recordMembersMax) throw new BytesError(`a peer with ${members.length} members`)
  const count = reader.count(2)
  if (count > recordNeighboursMax) throw new BytesError(`a peer with ${count} links`)
  const neighbours = Array.from({ length: count }, () => ({ peer: readName(reader), wanted: reader.boolean() }))
  return { peer, sequence, viewer, members, neighbours }
}

function writeName(writer: ByteWriter, name: string): void {
  const bytes = nameBytes(name)
  writer.u8(bytes.length)
  writer.bytes(bytes)
}

function readName(reader: ByteReader): string {
  return nameOf(reader.bytes(reader.u8()))
}

/** What is no UTF-8 is refused: a name that was changed by reading it would be somebody else's. */
export function nameOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new BytesError('a name that is no UTF-8')
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
