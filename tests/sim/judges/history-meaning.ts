import type {
  Compare,
  DeleteRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WriteRequest,
} from '../../../src/store/types.ts'
import { text } from '../clients/requests.ts'
import type { Answer } from './answers.ts'
import type { Effect, Observation, Path } from './history-operations.ts'
import type { HistoryVersions } from './history-versions.ts'
import type { Version } from './versions.ts'

/** Everything a history knows of; what else there is leaves keys and values alone. */
export type Meant = RequestOp | Extract<WriteRequest, { op: 'leaseRevoke' }>

export function isMeant(request: WriteRequest): request is Meant & WriteRequest {
  return request.op !== 'compact' && request.op !== 'leaseGrant' && request.op !== 'leaseKeepAlive'
}

/** The keys that a request names. Those that it only may touch, others name. */
export function keysNamed(request: Meant): string[] {
  switch (request.op) {
    case 'put':
      return [text(request.key)]
    case 'delete':
    case 'range':
      return request.end === null ? [text(request.key)] : []
    case 'txn': {
      const guarded = request.compare.flatMap(({ key, end }) => (end === null ? [text(key)] : []))
      return [...guarded, ...request.success.flatMap(keysNamed), ...request.failure.flatMap(keysNamed)]
    }
    case 'leaseRevoke':
      return []
  }
}

/** Whether an answered request changed anything. */
export function hasChanged(answer: Answer): boolean {
  switch (answer.op) {
    case 'put':
    case 'leaseRevoke':
      return true
    case 'delete':
      return answer.deleted > 0
    case 'txn':
      return answer.answers.some(hasChanged)
    default:
      return false
  }
}

/** What a request saw and did that was answered. */
export function answeredPath(versions: HistoryVersions, request: Meant, answer: Answer): Path {
  switch (request.op) {
    case 'put':
      return answer.op === 'put' ? putPath(versions, request, answer.prev) : mismatch(request, answer)
    case 'delete':
      return answer.op === 'delete' ? deletePath(versions, request, answer) : mismatch(request, answer)
    case 'range':
      return answer.op === 'range' ? rangePath(versions, request, answer) : mismatch(request, answer)
    case 'txn': {
      if (answer.op !== 'txn') return mismatch(request, answer)
      // Guards are compared before anything is done, inner ones too.
      const [guards, done] = [guardsPassed(versions, request, answer), partsDone(versions, request, answer)]
      return [...guards, ...done]
    }
    case 'leaseRevoke':
      return [{ do: 'end', lease: request.lease }]
  }
}

/** What a request may have done of which nobody heard. At most one of these. */
export function openPaths(versions: HistoryVersions, request: Meant): Path[] {
  switch (request.op) {
    case 'put':
      return [[putEffect(versions, request)]]
    case 'delete':
      return [[{ do: 'delete', ...versions.spanOf(request) }]]
    case 'range':
      return [[]]
    case 'txn': {
      const guards = request.compare.map(compare => guardOf(versions, compare))
      return [true, false].flatMap(outcome => {
        const inner = (outcome ? request.success : request.failure).map(op => openPaths(versions, op))
        const compares: Observation = { do: 'compares', guards, outcome }
        const done = inner.reduce<Path[]>((paths, more) => paths.flatMap(a => more.map(b => [...a, ...b])), [[]])
        return done.map(path => [compares, ...guardsFirst(path)])
      })
    }
    case 'leaseRevoke':
      return [[{ do: 'end', lease: request.lease }]]
  }
}

function guardsFirst(path: Path): Path {
  return [...path.filter(part => part.do === 'compares'), ...path.filter(part => part.do !== 'compares')]
}

type AnswerTo<Op extends Answer['op']> = Extract<Answer, { op: Op }>

function guardsPassed(versions: HistoryVersions, request: TxnRequest, answer: AnswerTo<'txn'>): Path {
  const { succeeded: outcome } = answer
  const guards = request.compare.map(compare => guardOf(versions, compare))
  const inner = (outcome ? request.success : request.failure).flatMap((op, at) => {
    const given = answer.answers[at]
    return op.op === 'txn' && given?.op === 'txn' ? guardsPassed(versions, op, given) : []
  })
  return [{ do: 'compares', guards, outcome }, ...inner]
}

function partsDone(versions: HistoryVersions, request: TxnRequest, answer: AnswerTo<'txn'>): Path {
  return (answer.succeeded ? request.success : request.failure).flatMap((op, at) => {
    const given = answer.answers[at]
    if (given === undefined) throw new Error('a transaction is answered in all its parts')
    return op.op === 'txn' && given.op === 'txn' ? partsDone(versions, op, given) : answeredPath(versions, op, given)
  })
}

function putPath(versions: HistoryVersions, request: PutRequest, previous: Version | null): Path {
  const at = versions.placeOf(text(request.key))
  const seen: Observation[] = []
  if (request.prevKv) seen.push({ do: 'shows', from: at, to: at + 1, versions: [idOf(versions, previous)] })
  else if (request.ignoreLease) seen.push({ do: 'counts', from: at, to: at + 1, present: 1 })
  return [...seen, putEffect(versions, request)]
}

function putEffect(versions: HistoryVersions, { key, value, lease }: PutRequest): Effect {
  const name = text(key)
  return { do: 'put', at: versions.placeOf(name), version: versions.idOf(name, text(value), lease) }
}

function deletePath(versions: HistoryVersions, request: DeleteRequest, answer: AnswerTo<'delete'>): Path {
  const { deleted, prevs } = answer
  const span = versions.spanOf(request)
  const seen: Observation = request.prevKv
    ? shows(versions, request, prevs)
    : { do: 'counts', ...span, present: deleted }
  return deleted === 0 ? [seen] : [seen, { do: 'delete', ...span }]
}

/** What a range shows of the present; of the past it shows nothing that others could have changed. */
function rangePath(versions: HistoryVersions, request: RangeRequest, { kvs, count }: AnswerTo<'range'>): Path {
  if (request.revision > 0) return []
  const { limit, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  const isBounded = minModRevision + maxModRevision + minCreateRevision + maxCreateRevision > 0
  if (limit === 0 && !isBounded && !request.keysOnly && !request.countOnly) return [shows(versions, request, kvs)]
  // Which ones of many are shown is for others to judge. That those are there, and how many there are, is said here.
  const shown = kvs.flatMap((kv): Observation[] => {
    const id = request.keysOnly ? versions.idAt(kv.key, kv.mod) : idOf(versions, kv)
    const at = versions.placeOf(kv.key)
    return id === null ? [] : [{ do: 'shows', from: at, to: at + 1, versions: [id] }]
  })
  return [{ do: 'counts', ...versions.spanOf(request), present: count }, ...shown]
}

/** These are there, and no others in the range. */
function shows(versions: HistoryVersions, request: RangeRequest | DeleteRequest, kvs: readonly Version[]): Observation {
  const span = versions.spanOf(request)
  const ids = new Array<number>(span.to - span.from).fill(0)
  for (const kv of kvs) ids[versions.placeOf(kv.key) - span.from] = idOf(versions, kv)
  return { do: 'shows', ...span, versions: ids }
}

function idOf(versions: HistoryVersions, version: Version | null): number {
  return version === null ? 0 : versions.idOf(version.key, version.value, version.lease)
}

function guardOf(versions: HistoryVersions, compare: Compare) {
  return { ...versions.spanOf(compare), holds: (id: number) => versions.compare(compare, id) }
}

function mismatch(request: Meant, answer: Answer): never {
  throw new Error(`a ${request.op} is not answered by a ${answer.op}`)
}
