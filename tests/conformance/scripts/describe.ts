import { decodeConfChange } from '../../../src/raft/conf-change.ts'
import { ROLE_NAMES } from '../../../src/raft/logger.ts'
import type { Ready } from '../../../src/raft/raw-node.ts'
import type { ProgressStatus } from '../../../src/raft/status.ts'
import {
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type MemberId,
  type Message,
  NONE,
  type ReadState,
  type Snapshot,
} from '../../../src/raft/types.ts'
import { formatChanges } from './changes.ts'

/** The machine's data in the words and layout of etcd's scripts. */

const ENTRY_NAMES = { normal: 'EntryNormal', confChange: 'EntryConfChange', confChangeV2: 'EntryConfChangeV2' } as const
const PROGRESS_NAMES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const

export function describeReady(ready: Ready): string {
  const { softState, hardState, snapshot, entries, committedEntries, messages, readStates } = ready
  const lines: string[] = []
  if (softState !== null) lines.push(`Lead:${softState.leader} State:${ROLE_NAMES[softState.role]}`)
  if (hardState !== null) lines.push(`HardState ${describeHardState(hardState)}`)
  if (readStates.length > 0) lines.push(`ReadStates [${readStates.map(describeReadState).join(' ')}]`)
  if (entries.length > 0) lines.push('Entries:', ...entries.map(describeEntry))
  if (snapshot !== null) lines.push(`Snapshot ${describeSnapshot(snapshot)}`)
  if (committedEntries.length > 0) lines.push('CommittedEntries:', ...committedEntries.map(describeEntry))
  if (messages.length > 0) lines.push('Messages:', ...messages.map(message => describeMessage(message)))
  if (lines.length === 0) return '<empty Ready>'
  return [`Ready MustSync=${ready.mustSync}:`, ...lines].join('\n')
}

function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}`
}

function describeSnapshot({ metadata: { index, term, confState } }: Snapshot): string {
  return `Index:${index} Term:${term} ConfState:${describeConfState(confState)}`
}

function describeReadState({ index, requestContext }: ReadState): string {
  return `{${index} [${requestContext.join(' ')}]}`
}

function describeConfState({ voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfState): string {
  const list = (members: readonly MemberId[]) => `[${members.join(' ')}]`
  return (
    `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} ` +
    `LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`
  )
}

export function describeEntry({ term, index, type, data }: Entry): string {
  const content =
    type === 'normal' ? JSON.stringify(new TextDecoder().decode(data)) : formatChanges(decodeConfChange(data).changes)
  return `${term}/${index} ${ENTRY_NAMES[type]} ${content}`.trimEnd()
}

export function describeMessage(message: Message, indent = ''): string {
  const { type, from, to, term, logTerm, index, reject, rejectHint, commit, vote, entries, snapshot, responses } =
    message
  const inner = `\n${indent}  `
  let text = `${describeTarget(from)}->${describeTarget(to)} ${type} Term:${term} Log:${logTerm}/${index}`
  if (reject) text += ` Rejected (Hint: ${rejectHint})`
  if (commit !== 0) text += ` Commit:${commit}`
  if (vote !== 0) text += ` Vote:${vote}`
  const [first] = entries
  if (entries.length === 1 && first !== undefined) text += ` Entries:[${describeEntry(first)}]`
  else if (entries.length > 1) {
    text += ` Entries:[${entries.map(entry => inner + describeEntry(entry)).join('')}\n${indent}]`
  }
  if (snapshot !== null) text += `${inner}Snapshot: ${describeSnapshot(snapshot)}`
  if (responses.length > 0) {
    const described = responses.map(response => inner + describeMessage(response, `${indent}  `))
    text += ` Responses:[${described.join('')}\n${indent}]`
  }
  return text
}

function describeTarget(member: MemberId): string {
  switch (member) {
    case NONE:
      return 'None'
    case LOCAL_APPEND_THREAD:
      return 'AppendThread'
    case LOCAL_APPLY_THREAD:
      return 'ApplyThread'
    default:
      return String(member)
  }
}

export function describeProgress(progress: ProgressStatus): string {
  const { match, next, state, isLearner, paused, pendingSnapshot, recentActive, inflight, inflightFull } = progress
  let text = `${PROGRESS_NAMES[state]} match=${match} next=${next}`
  if (isLearner) text += ' learner'
  if (paused) text += ' paused'
  if (pendingSnapshot > 0) text += ` pendingSnap=${pendingSnapshot}`
  if (!recentActive) text += ' inactive'
  if (inflight > 0) text += ` inflight=${inflight}${inflightFull ? '[full]' : ''}`
  return text
}
