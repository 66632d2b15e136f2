import type { Random } from '../sim/random.ts'
import type { KvRequests } from './draw-kv.ts'
import type { Mix } from './mix.ts'
import { bytesOf, isMessage, type Message, messagesOf } from './protocol.ts'
import type { World } from './world.ts'

const equal = 0
const compareResults = 4
const valueTarget = 3
const operands = ['version', 'create_revision', 'mod_revision', 'value', 'lease'] as const
/** etcd's default limit of compares, and of operations of each branch. */
const operationsMax = 128

/** Draws transactions: trees of them, with every compare, and now and then more than is allowed. */
export class TxnRequests {
  readonly #random: Random
  readonly #mix: Mix
  readonly #kv: KvRequests

  constructor(random: Random, mix: Mix, kv: KvRequests) {
    this.#random = random
    this.#mix = mix
    this.#kv = kv
  }

  txn(world: World): Message {
    const touched = this.#random.chance(this.#mix.carelessChance) ? null : new Set<string>()
    const txn = this.#txn(world, this.#mix.txnDepthMax, touched)
    if (this.#isOdd()) return this.#random.chance(0.8) ? this.#withTooMany(txn, world) : this.#withNothing()
    return deletesToTheEnd(txn) ? withoutIgnoring(txn) : txn
  }

  /** With `touched`, no key is written twice; a key in it is taken. */
  #txn(world: World, depth: number, touched: Set<string> | null): Message {
    const compares = this.#random.pick([0, 0, 1, 1, 1, 2, 3])
    return {
      compare: Array.from({ length: compares }, () => this.#compare(world)),
      success: this.#branch(world, depth, touched),
      failure: this.#random.chance(0.7) ? this.#branch(world, depth, touched) : [],
    }
  }

  #branch(world: World, depth: number, touched: Set<string> | null): Message[] {
    const count = this.#random.integer(0, this.#mix.txnOperationsMax)
    return Array.from({ length: count }, () => this.#operation(world, depth, touched))
  }

  #operation(world: World, depth: number, touched: Set<string> | null): Message {
    const kind = this.#random.next()
    if (kind < 0.3) return { request_range: this.#rangeInside(world) }
    if (kind < 0.45 && depth > 0) return { request_txn: this.#txn(world, depth - 1, touched) }
    if (kind < 0.8) {
      const put = this.#kv.put(world)
      return this.#isFirst(put, touched) ? { request_put: put } : { request_range: { key: put.key ?? null } }
    }
    const request = this.#kv.delete()
    if (touched !== null && this.#random.chance(0.8)) return this.#deletionOf(bytesOf(request, 'key'), touched)
    return { request_delete_range: request }
  }

  /** Ranges of other revisions fail the whole transaction, so there are few. */
  #rangeInside(world: World): Message {
    const { revision, ...range } = this.#kv.range(world)
    return revision !== undefined && this.#random.chance(0.2) ? { ...range, revision } : range
  }

  #deletionOf(key: Uint8Array, touched: Set<string>): Message {
    const request = { key, ...(this.#random.chance(0.3) ? { prev_kv: true } : {}) }
    return this.#isFirst(request, touched) ? { request_delete_range: request } : { request_range: request }
  }

  #isFirst(request: Message, touched: Set<string> | null): boolean {
    if (touched === null) return true
    const key = Buffer.from(bytesOf(request, 'key')).toString('hex')
    return !touched.has(key) && touched.add(key).has(key)
  }

  #compare(world: World): Message {
    const target = this.#random.integer(0, operands.length - 1)
    const given = this.#isOdd() ? this.#random.integer(0, operands.length - 1) : target
    const name = operands[given] ?? 'version'
    const result = this.#random.chance(0.4) ? equal : this.#random.integer(0, compareResults - 1)
    // At times the operand is left out, or is that of another target.
    return { result, target, ...this.#kv.keys(), ...(this.#isOdd() ? {} : { [name]: this.#operand(given, world) }) }
  }

  #operand(target: number, world: World): number | Uint8Array {
    if (target === valueTarget) return this.#kv.value()
    if (target === operands.indexOf('lease')) return this.#random.chance(0.4) ? 0 : this.#kv.leaseFor(world)
    if (target === operands.indexOf('version')) return this.#random.pick([0, 0, 1, 1, 2, 3, 10, -1])
    return this.#random.chance(0.3) ? 0 : this.#kv.revision(world)
  }

  /** At, around and over the limit, in one list or in the sum over a path of the tree. */
  #withTooMany(txn: Message, world: World): Message {
    const count = this.#random.pick([operationsMax - 1, operationsMax, operationsMax + 1])
    const ranges = (length: number) => Array.from({ length }, () => ({ request_range: { key: this.#kv.key() } }))
    const where = this.#random.integer(0, 2)
    if (where === 0) return { success: ranges(count) }
    if (where === 1) return { ...txn, compare: Array.from({ length: count }, () => this.#compare(world)) }
    const outside = this.#random.integer(1, 100)
    const inside = { request_txn: { success: ranges(count - outside) } }
    return { success: [...ranges(outside - 1), inside] }
  }

  /** An operation of none of the kinds that there are, in a transaction with nothing else amiss. */
  #withNothing(): Message {
    return { success: [{ request_range: { key: this.#kv.key() } }, {}] }
  }

  #isOdd(): boolean {
    return this.#random.chance(this.#mix.oddChance)
  }
}

/**
 * etcd 3.4 takes a put that keeps the value or the lease of its key to be possible if the key is there before the
 * transaction, and dies if the transaction itself has deleted it by then. Only a delete up to the end of all keys gets past its
 * check for keys touched twice, so the two are not brought together.
 */
function deletesToTheEnd(txn: Message): boolean {
  return branches(txn).some(({ request_delete_range, request_txn }) => {
    if (isMessage(request_txn)) return deletesToTheEnd(request_txn)
    const end = bytesOf(request_delete_range, 'range_end')
    return end.length === 1 && end[0] === 0
  })
}

function withoutIgnoring(txn: Message): Message {
  const without = (op: Message): Message => {
    const { request_put, request_txn } = op
    if (isMessage(request_txn)) return { request_txn: withoutIgnoring(request_txn) }
    if (!isMessage(request_put)) return op
    const { ignore_value, ignore_lease, ...put } = request_put
    return { request_put: put }
  }
  const success = messagesOf(txn, 'success').map(without)
  return { ...txn, success, failure: messagesOf(txn, 'failure').map(without) }
}

function branches(txn: Message): readonly Message[] {
  return [...messagesOf(txn, 'success'), ...messagesOf(txn, 'failure')]
}
