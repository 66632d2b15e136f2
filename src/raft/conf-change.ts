import { RaftError } from './errors.ts'
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  EMPTY_BYTES,
  type EntryType,
  type MemberId,
} from './types.ts'

/**
 * Membership changes as bytes, the payload of `confChange` and `confChangeV2` entries:
 *
 *     transition u8 | number of changes u16 | changes: (type u8 | member u64)* | context, to the end
 *
 * Big endian. Empty bytes are the change without content, which leaves a joint configuration.
 */
const TRANSITIONS: readonly ConfChangeTransition[] = ['auto', 'jointImplicit', 'jointExplicit']
const TYPES: readonly ConfChangeType[] = ['addVoter', 'removeMember', 'updateMember', 'addLearner']
const HEADER_BYTES = 3
const CHANGE_BYTES = 9
/** More changes in one entry than any configuration has members. */
export const CONF_CHANGES_MAX = 1024

/** The change that leaves a joint configuration. */
export const LEAVE_JOINT: ConfChange = { transition: 'auto', changes: [], context: EMPTY_BYTES }

/** Throws `RaftError` `CONF_CHANGE_MALFORMED` if there are too many changes or an id is no safe integer. */
export function encodeConfChange({ transition, changes, context }: ConfChange): Uint8Array {
  if (changes.length > CONF_CHANGES_MAX) malformed('too many changes')
  if (transition === 'auto' && changes.length === 0 && context.length === 0) return EMPTY_BYTES
  const bytes = new Uint8Array(HEADER_BYTES + changes.length * CHANGE_BYTES + context.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, TRANSITIONS.indexOf(transition))
  view.setUint16(1, changes.length)
  let offset = HEADER_BYTES
  for (const { type, member } of changes) {
    if (!isMemberId(member)) malformed('member id is no safe integer')
    view.setUint8(offset, TYPES.indexOf(type))
    view.setUint32(offset + 1, Math.floor(member / 2 ** 32))
    view.setUint32(offset + 5, member % 2 ** 32)
    offset += CHANGE_BYTES
  }
  bytes.set(context, offset)
  return bytes
}

/** Throws `RaftError` `CONF_CHANGE_MALFORMED` on bytes that `encodeConfChange` does not make. The context is not copied. */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  if (bytes.length === 0) return LEAVE_JOINT
  if (bytes.length < HEADER_BYTES) malformed('truncated')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const transition = TRANSITIONS[view.getUint8(0)]
  if (transition === undefined) malformed('unknown transition')
  const count = view.getUint16(1)
  if (count > CONF_CHANGES_MAX || HEADER_BYTES + count * CHANGE_BYTES > bytes.length) malformed('truncated')
  const changes: ConfChangeSingle[] = []
  let offset = HEADER_BYTES
  for (let i = 0; i < count; i++) {
    const type = TYPES[view.getUint8(offset)]
    const member = view.getUint32(offset + 1) * 2 ** 32 + view.getUint32(offset + 5)
    if (type === undefined) malformed('unknown type of change')
    if (!isMemberId(member)) malformed('member id is no safe integer')
    changes.push({ type, member })
    offset += CHANGE_BYTES
  }
  return { transition, changes, context: bytes.subarray(offset) }
}

function isMemberId(member: MemberId): boolean {
  return Number.isSafeInteger(member) && member >= 0
}

function malformed(reason: string): never {
  throw new RaftError('CONF_CHANGE_MALFORMED', `membership change: ${reason}`)
}

const TRANSITION_NAMES = {
  auto: 'ConfChangeTransitionAuto',
  jointImplicit: 'ConfChangeTransitionJointImplicit',
  jointExplicit: 'ConfChangeTransitionJointExplicit',
} as const
const TYPE_NAMES = {
  addVoter: 'ConfChangeAddNode',
  removeMember: 'ConfChangeRemoveNode',
  updateMember: 'ConfChangeUpdateNode',
  addLearner: 'ConfChangeAddLearnerNode',
} as const

/** As etcd's traces print it: an entry of type `confChange` holds its one change bare. */
export function formatConfChange({ transition, changes }: ConfChange, entryType: EntryType): string {
  const single = changes.map(({ type, member }) => `type:${TYPE_NAMES[type]} node_id:${member}`)
  if (entryType === 'confChange') return single.join(' ')
  return [`transition:${TRANSITION_NAMES[transition]}`, ...single.map(change => `changes:{${change}}`)].join(' ')
}
