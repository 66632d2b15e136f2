import type { Readable } from '../../client/flotilla.ts'
import type { BoardItem, BoardValue, Revision, Snapshot } from './model.ts'

/**
 * What the board needs of a database: one live query and guarded transactions. `client-board.ts` gives it over the real
 * client; tests and the gallery give their own.
 */
export interface BoardStore {
  readonly live: Readable<Snapshot>
  /**
   * All or nothing. Resolves once the transaction is committed, or refused by a guard; then `current` holds what `read`
   * asked for. Rejects with an error that carries `code` and `outcome` (see `problems.ts`).
   */
  commit(txn: BoardTxn): Promise<Committed>
}

export interface BoardTxn {
  readonly guards: readonly Guard[]
  readonly writes: readonly Write[]
  /** Keys to read if a guard fails. */
  readonly read: readonly string[]
}

export type Guard =
  | { readonly kind: 'exists'; readonly key: string }
  | { readonly kind: 'missing'; readonly key: string }
  | { readonly kind: 'unchanged'; readonly key: string; readonly modRevision: Revision }
  /** No key under the prefix was put after `revision`. */
  | { readonly kind: 'quietSince'; readonly prefix: string; readonly revision: Revision }

export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: BoardValue }
  | { readonly kind: 'delete'; readonly key: string }

export interface Committed {
  readonly succeeded: boolean
  readonly revision: Revision
  /** One per key of `read`, null where there is none; empty if it succeeded. */
  readonly current: readonly (BoardItem | null)[]
}

/** etcd's limit on the operations of one transaction; compares count separately. */
export const txnOpsMax = 128
