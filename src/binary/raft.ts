import type { ConfState, Entry, EntryType, HardState, MemberId, Snapshot, SnapshotMetadata } from '../raft/types.ts'
import { type ByteReader, BytesError, type ByteWriter, integerBytes } from './bytes.ts'

/**
 * The binary form of raft's data, the same on the wire and on disk. Each part has three functions: its size, write, read.
 * What is read holds views of the bytes it was read from.
 *
 *     entries    count u32, then of each: type u8, term, index, length u32, data
 *     hardState  term, vote, commit
 *     place      index, term, confState: what a snapshot is of
 *     snapshot   place, length u32, data
 *     confState  voters, learners, votersOutgoing, learnersNext (each: count u32, ids), autoLeave u8
 */

/** A code once given is never given to another type. */
const entryTypeCodes: Readonly<Record<EntryType, number>> = { normal: 0, confChange: 1, confChangeV2: 2 }
const entryTypes: readonly EntryType[] = ['normal', 'confChange', 'confChangeV2']

const entryHeaderBytes = 1 + 2 * integerBytes + 4

export const hardStateSize = 3 * integerBytes

export function entriesSize(entries: readonly Entry[]): number {
  let size = 4
  for (const entry of entries) size += entryHeaderBytes + entry.data.length
  return size
}

export function writeEntries(writer: ByteWriter, entries: readonly Entry[]): void {
  writer.u32(entries.length)
  for (const { type, term, index, data } of entries) {
    writer.u8(entryTypeCodes[type])
    writer.integer(term)
    writer.integer(index)
    writer.u32(data.length)
    writer.bytes(data)
  }
}

export function readEntries(reader: ByteReader): readonly Entry[] {
  const count = reader.count(entryHeaderBytes)
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    const type = entryTypes[reader.u8()]
    if (type === undefined) throw new BytesError('unknown entry type')
    const term = reader.integer()
    const index = reader.integer()
    entries.push({ term, index, type, data: reader.bytes(reader.u32()) })
  }
  return entries
}

export function writeHardState(writer: ByteWriter, { term, vote, commit }: HardState): void {
  writer.integer(term)
  writer.integer(vote)
  writer.integer(commit)
}

export function readHardState(reader: ByteReader): HardState {
  return { term: reader.integer(), vote: reader.integer(), commit: reader.integer() }
}

export function placeSize({ confState }: SnapshotMetadata): number {
  return 2 * integerBytes + confStateSize(confState)
}

export function writePlace(writer: ByteWriter, { index, term, confState }: SnapshotMetadata): void {
  writer.integer(index)
  writer.integer(term)
  writeConfState(writer, confState)
}

export function readPlace(reader: ByteReader): SnapshotMetadata {
  const index = reader.integer()
  const term = reader.integer()
  return { confState: readConfState(reader), index, term }
}

export function readSnapshot(reader: ByteReader): Snapshot {
  const metadata = readPlace(reader)
  return { metadata, data: reader.bytes(reader.u32()) }
}

export function membersSize(members: readonly MemberId[]): number {
  return 4 + members.length * integerBytes
}

export function writeMembers(writer: ByteWriter, members: readonly MemberId[]): void {
  writer.u32(members.length)
  for (const member of members) writer.integer(member)
}

export function readMembers(reader: ByteReader): readonly MemberId[] {
  const count = reader.count(integerBytes)
  const members: MemberId[] = []
  for (let i = 0; i < count; i++) members.push(reader.integer())
  return members
}

function confStateSize({ voters, learners, votersOutgoing, learnersNext }: ConfState): number {
  return membersSize(voters) + membersSize(learners) + membersSize(votersOutgoing) + membersSize(learnersNext) + 1
}

function writeConfState(writer: ByteWriter, confState: ConfState): void {
  writeMembers(writer, confState.voters)
  writeMembers(writer, confState.learners)
  writeMembers(writer, confState.votersOutgoing)
  writeMembers(writer, confState.learnersNext)
  writer.u8(confState.autoLeave ? 1 : 0)
}

function readConfState(reader: ByteReader): ConfState {
  return {
    voters: readMembers(reader),
    learners: readMembers(reader),
    votersOutgoing: readMembers(reader),
    learnersNext: readMembers(reader),
    autoLeave: reader.boolean(),
  }
}
