import { compareBytes } from '../../../src/store/bytes.ts'
import type { DeleteRequest, RequestOp, TxnRequest } from '../../../src/store/types.ts'
import { NAMES } from './arbitraries.ts'
import { bytes, text } from './requests.ts'

/**
 * Whether a transaction could put one of the `NAMES` twice, or put and delete it, in one run; with the exceptions that etcd
 * makes. Of each list of operations, and in this order: its deletes, its nested transactions, its puts.
 */
export function hasKeyTwice(request: TxnRequest): boolean {
  return touched(request.success) === null || touched(request.failure) === null
}

interface Touched {
  readonly puts: readonly string[]
  readonly deletes: readonly string[]
}

/** Null if a key comes up twice. */
function touched(ops: readonly RequestOp[]): Touched | null {
  const puts: string[] = []
  const deletes = ops.flatMap(op => (op.op === 'delete' ? namesIn(op) : []))
  for (const op of ops) {
    if (op.op !== 'txn') continue
    const branches = [touched(op.success), touched(op.failure)]
    const inner: string[] = []
    for (const branch of branches) {
      if (branch === null) return null
      inner.push(...branch.puts)
    }
    if (inner.some(name => puts.includes(name) || deletes.includes(name))) return null
    puts.push(...inner)
    for (const branch of branches) deletes.push(...(branch?.deletes ?? []))
  }
  for (const op of ops) {
    if (op.op !== 'put') continue
    const name = text(op.key)
    if (puts.includes(name) || deletes.includes(name)) return null
    puts.push(name)
  }
  return { puts, deletes }
}

/** An open end is not seen as one here: taken literally, it is below every key, and the range is empty. */
function namesIn({ key, end }: DeleteRequest): string[] {
  return NAMES.filter(name => {
    const candidate = bytes(name)
    if (end === null) return compareBytes(candidate, key) === 0
    return compareBytes(key, candidate) <= 0 && compareBytes(candidate, end) < 0
  })
}
