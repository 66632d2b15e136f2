import { holds } from './compare.ts'
import { storeError } from './errors.ts'
import type { Leases } from './leases.ts'
import { changeBytes, type Mvcc } from './mvcc.ts'
import { range } from './range.ts'
import type {
  DeleteRequest,
  DeleteResponse,
  PutRequest,
  PutResponse,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from './types.ts'

/** What a write needs to know beside itself. */
export interface WriteContext {
  readonly mvcc: Mvcc
  readonly leases: Leases
  /** What the quota leaves. */
  readonly freeBytes: number
}

/**
 * A transaction whose guards have been evaluated: the branch that runs, with nested transactions resolved likewise. All guards
 * of the tree are evaluated on the state before the transaction, and only on the branches that run (as in etcd).
 */
interface Plan {
  readonly op: 'plan'
  readonly succeeded: boolean
  readonly ops: readonly (Exclude<RequestOp, TxnRequest> | Plan)[]
}

/**
 * Each of these throws `StoreError` and may by then have changed something: its caller commits or rolls back. Checks that
 * need the state come first, and again in etcd's order, which for a put alone is not that of a put in a transaction.
 */
export function applyPut(context: WriteContext, request: PutRequest): PutResponse {
  checkLease(context, request)
  checkExists(context, request)
  checkQuota(context, putBytes(context, request))
  return runPut(context.mvcc, request)
}

export function applyDelete(context: WriteContext, request: DeleteRequest): DeleteResponse {
  return runDelete(context.mvcc, request)
}

export function applyTxn(context: WriteContext, request: TxnRequest): TxnResponse {
  const plan = planOf(context.mvcc, request)
  let bytes = 0
  forEachOp(plan, op => {
    if (op.op !== 'put') return
    checkExists(context, op)
    checkLease(context, op)
    bytes += putBytes(context, op)
  })
  forEachOp(plan, op => {
    if (op.op === 'range' && op.revision !== 0) context.mvcc.checkReadable(op.revision)
  })
  checkQuota(context, bytes)
  return runPlan(context.mvcc, plan)
}

function planOf(mvcc: Mvcc, request: TxnRequest): Plan {
  const succeeded = request.compare.every(compare => holds(mvcc, compare))
  const ops = succeeded ? request.success : request.failure
  return { op: 'plan', succeeded, ops: ops.map(op => (op.op === 'txn' ? planOf(mvcc, op) : op)) }
}

function forEachOp(plan: Plan, visit: (op: Exclude<RequestOp, TxnRequest>) => void): void {
  for (const op of plan.ops) {
    if (op.op === 'plan') forEachOp(op, visit)
    else visit(op)
  }
}

/** A put that keeps the value or the lease needs a key that has them. */
function checkExists({ mvcc }: WriteContext, request: PutRequest): void {
  const keeps = request.ignoreValue || request.ignoreLease
  if (keeps && mvcc.latest(request.key) === null) throw storeError('KEY_NOT_FOUND')
}

function checkLease({ leases }: WriteContext, request: PutRequest): void {
  if (request.lease !== 0) leases.check(request.lease)
}

function putBytes({ mvcc }: WriteContext, request: PutRequest): number {
  const value = request.ignoreValue ? mvcc.latest(request.key)?.value : request.value
  return changeBytes(request.key.length, (value ?? request.value).length)
}

/** Only what puts can run out of space; deletes and compaction are how space comes back. */
function checkQuota({ freeBytes }: WriteContext, bytes: number): void {
  if (bytes > 0 && bytes > freeBytes) throw storeError('NOSPACE')
}

function runPlan(mvcc: Mvcc, plan: Plan): TxnResponse {
  const responses = plan.ops.map(op => runOp(mvcc, op))
  return { op: 'txn', header: { revision: mvcc.revisionInside }, succeeded: plan.succeeded, responses }
}

function runOp(mvcc: Mvcc, op: Plan['ops'][number]): ResponseOp {
  switch (op.op) {
    case 'range':
      return range(mvcc, op)
    case 'put':
      return runPut(mvcc, op)
    case 'delete':
      return runDelete(mvcc, op)
    case 'plan':
      return runPlan(mvcc, op)
  }
}

function runPut(mvcc: Mvcc, request: PutRequest): PutResponse {
  const { key, ignoreValue, ignoreLease } = request
  const before = ignoreValue || ignoreLease || request.prevKv ? mvcc.latest(key) : null
  // It existed when the puts were checked, but a delete with an open end may have come between.
  if (before === null && (ignoreValue || ignoreLease)) throw storeError('KEY_NOT_FOUND')
  const value = ignoreValue && before !== null ? before.value : request.value
  const lease = ignoreLease && before !== null ? before.lease : request.lease
  mvcc.put(key, value, lease)
  return { op: 'put', header: { revision: mvcc.revisionInside }, prevKv: request.prevKv ? before : null }
}

function runDelete(mvcc: Mvcc, request: DeleteRequest): DeleteResponse {
  const deleted = mvcc.delete(request)
  return {
    op: 'delete',
    header: { revision: mvcc.revisionInside },
    deleted: deleted.length,
    prevKvs: request.prevKv ? deleted : [],
  }
}
