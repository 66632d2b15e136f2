import type { Header } from '../store/types.ts'
import type { Compare } from './compare.ts'
import type { Connection, WriteOptions } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { KeySpace } from './keyspace.ts'
import type { Operation, ResultOf } from './operations.ts'
import { checkSize, payloadBytes, txnRequest, txnResponses } from './requests.ts'

/** The results of a branch, each of the type its operation promises. */
export type Results<Ops extends readonly unknown[], T> = { -readonly [I in keyof Ops]: ResultOf<Ops[I], T> }

/** Which branch ran. That the conditions did not hold is a value, not an error. */
export type TxnResult<T, Then extends readonly unknown[], Else extends readonly unknown[]> =
  | { readonly succeeded: true; readonly header: Header; readonly responses: Results<Then, T> }
  | { readonly succeeded: false; readonly header: Header; readonly responses: Results<Else, T> }

/**
 * A transaction in the making: if all conditions hold the one branch, else the other, as one revision. Nothing happens
 * before `commit()`. Each call returns a new transaction.
 */
export class Txn<T, Then extends readonly Operation<T>[] = [], Else extends readonly Operation<T>[] = []> {
  readonly #connection: Connection
  readonly #space: KeySpace<T>
  readonly #compares: readonly Compare<T>[]
  readonly #then: Then
  readonly #else: Else

  /** By `txn()` of a database or namespace. */
  constructor(
    connection: Connection,
    space: KeySpace<T>,
    compares: readonly Compare<T>[],
    thenOperations: Then,
    elseOperations: Else,
  ) {
    this.#connection = connection
    this.#space = space
    this.#compares = compares
    this.#then = thenOperations
    this.#else = elseOperations
  }

  /** Adds conditions. With none, the transaction succeeds. */
  if(...compares: readonly Compare<T>[]): Txn<T, Then, Else> {
    return new Txn(this.#connection, this.#space, [...this.#compares, ...compares], this.#then, this.#else)
  }

  /** What to do if all conditions hold. */
  // biome-ignore lint/suspicious/noThenProperty: etcd's word; a transaction that is awaited by mistake is refused.
  then<const Ops extends readonly Operation<T>[]>(...operations: Ops): Txn<T, Ops, Else> {
    // `await` takes whatever has a `then` for a promise, and hands it two functions.
    if (typeof operations[0] === 'function') {
      throw new FlotillaError('INVALID_ARGUMENT', 'A transaction was awaited without commit().')
    }
    return new Txn(this.#connection, this.#space, this.#compares, operations, this.#else)
  }

  /** What to do if not. */
  else<const Ops extends readonly Operation<T>[]>(...operations: Ops): Txn<T, Then, Ops> {
    return new Txn(this.#connection, this.#space, this.#compares, this.#then, operations)
  }

  /**
   * Errors: `DUPLICATE_KEY` if a branch puts a key twice, `TOO_MANY_OPS`, `REQUEST_TOO_LARGE`; aborting ends the wait, not
   * the transaction (`outcome: 'unknown'`).
   */
  async commit(options: WriteOptions = {}): Promise<TxnResult<T, Then, Else>> {
    const tree = { compare: this.#compares, success: this.#then, failure: this.#else }
    const request = txnRequest(this.#space, tree)
    checkSize(payloadBytes(request))
    const response = await this.#connection.write(request, options)
    const { header, succeeded } = response
    const responses = txnResponses(this.#space, tree, response)
    // The compiler cannot follow types through `map`; each response was checked against its operation.
    return { succeeded, header, responses } as unknown as TxnResult<T, Then, Else>
  }
}
