import type { Answer } from './endpoint.ts'
import type { Call } from './operations.ts'
import { bytesOf, type Field, integer, isMessage, type Message, messagesOf } from './protocol.ts'
import { show } from './show.ts'

/**
 * What is equal between two servers that keep the same rules. Whole answers are compared, these things aside:
 *
 * - who answered: cluster and member ids and raft terms count only as there or not;
 * - the words, not the numbers, in which the gRPC library itself refuses a message that is too large;
 * - time: what is left of a lease may differ by `leaseSecondsTolerance`;
 * - order where etcd has none: leases, keys of a lease, and what a sort finds equal (`unordered`).
 */
export const leaseSecondsTolerance = 5

const identities: ReadonlySet<string> = new Set(['cluster_id', 'member_id', 'raft_term'])

/** Where two answers to one call differ, a line each. Empty if they do not. */
export function compareAnswers(call: Call | null, first: Answer, second: Answer): string[] {
  if (!first.ok || !second.ok) {
    if (first.ok !== second.ok) return ['one is an answer and the other an error']
    return compareFields(errorOf(first), errorOf(second))
  }
  const [a, b] = call === null ? [first.response, second.response] : canonical(call, first.response, second.response)
  return compareFields(a, b)
}

/** Go's and Node's: a library's own, of no server's making. */
const tooLarge = /received message larger than max \((\d+) vs\.? (\d+)\)$/i

function errorOf(answer: Answer): Message {
  if (answer.ok) return {}
  const sizes = tooLarge.exec(answer.message)
  return { code: answer.code, message: sizes === null ? answer.message : `${sizes[1]} bytes exceed ${sizes[2]}` }
}

/** Where two fields differ, by path. */
export function compareFields(first: Field | undefined, second: Field | undefined): string[] {
  const found: string[] = []
  walk('', first, second, found)
  return found
}

function walk(path: string, a: Field | undefined, b: Field | undefined, found: string[]): void {
  if (a === b) return
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    if (Buffer.compare(a, b) !== 0)
      found.push(`${path}: ${show(a)} and ${show(b)}, from byte ${firstDifference(a, b)} on`)
    return
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) found.push(`${path}: ${a.length} and ${b.length} of them`)
    for (let at = 0; at < Math.min(a.length, b.length); at += 1) walk(`${path}[${at}]`, a[at], b[at], found)
    return
  }
  if (isMessage(a) && isMessage(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (identities.has(name) && isThere(a[name]) === isThere(b[name])) continue
      walk(path === '' ? name : `${path}.${name}`, a[name], b[name], found)
    }
    return
  }
  found.push(`${path}: ${show(a)} and ${show(b)}`)
}

function isThere(identity: Field | undefined): boolean {
  return identity !== undefined && identity !== '0'
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at += 1
  return at
}

/** Both answers with what may differ made the same, and nothing else. */
function canonical({ method, request }: Call, a: Message, b: Message): [Message, Message] {
  switch (method) {
    case 'Range':
      return [inOrder(request, a), inOrder(request, b)]
    case 'Txn':
      return [branchInOrder(request, a), branchInOrder(request, b)]
    case 'LeaseLeases':
      return [withLeasesSorted(a), withLeasesSorted(b)]
    case 'LeaseTimeToLive':
      return [withKeysSorted(a), sameTimeLeft(withKeysSorted(a), withKeysSorted(b))]
    default:
      return [a, b]
  }
}

function withLeasesSorted(answer: Message): Message {
  return { ...answer, leases: [...messagesOf(answer, 'leases')].sort((x, y) => integer(x, 'ID') - integer(y, 'ID')) }
}

function withKeysSorted(answer: Message): Message {
  const keys = Array.isArray(answer.keys) ? answer.keys.filter(key => key instanceof Uint8Array) : []
  return { ...answer, keys: keys.sort(Buffer.compare) }
}

function sameTimeLeft(a: Message, b: Message): Message {
  const [left, other] = [integer(a, 'TTL'), integer(b, 'TTL')]
  const isClose = left >= 0 && other >= 0 && Math.abs(left - other) <= leaseSecondsTolerance
  return isClose ? { ...b, TTL: a.TTL ?? null } : b
}

const sortedBy: Readonly<Record<number, string>> = { 1: 'version', 2: 'create_revision', 3: 'mod_revision', 4: 'value' }

/** Go's sort moves what is equal only in slices longer than this, where it is not plain insertion. */
const stableSortItemsMax = 12

/**
 * etcd sorts with a sort that is not stable, so among many keys the order of those that sort as equal means nothing. They
 * are put in the order of their keys; and where the limit cut through equals, which of them are given means nothing either.
 */
function inOrder(request: Message, answer: Message): Message {
  const field = sortedBy[integer(request, 'sort_target')]
  const kvs = messagesOf(answer, 'kvs')
  if (field === undefined || integer(answer, 'count') <= stableSortItemsMax || kvs.length === 0) return answer
  const sorted: Message[] = []
  for (let from = 0; from < kvs.length; ) {
    let to = from
    while (to < kvs.length && compareFields(kvs[from]?.[field], kvs[to]?.[field]).length === 0) to += 1
    const equals = kvs.slice(from, to)
    const wasCut = to === kvs.length && answer.more === true
    if (wasCut) sorted.push(...equals.map(kv => ({ [field]: kv[field] ?? null })))
    else sorted.push(...equals.sort((x, y) => Buffer.compare(bytesOf(x, 'key'), bytesOf(y, 'key'))))
    from = to
  }
  return { ...answer, kvs: sorted }
}

function branchInOrder(request: Message, answer: Message): Message {
  const branch = messagesOf(request, answer.succeeded === true ? 'success' : 'failure')
  const responses = messagesOf(answer, 'responses').map((response, at) => {
    const { request_range, request_txn } = branch[at] ?? {}
    const { response_range, response_txn } = response
    if (isMessage(request_range) && isMessage(response_range)) {
      return { ...response, response_range: inOrder(request_range, response_range) }
    }
    if (isMessage(request_txn) && isMessage(response_txn)) {
      return { ...response, response_txn: branchInOrder(request_txn, response_txn) }
    }
    return response
  })
  return { ...answer, responses }
}
