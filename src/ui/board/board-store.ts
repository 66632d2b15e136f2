import type { Readable } from '../../client/flotilla.ts'
import type { BoardItem, BoardValue, Revision, Snapshot } from './model.ts'

/**
 * What the board needs of a database: one live query and guarded transactions. `client-board.ts` gives it over the real
 * client; tests and the gallery give their own.
 */
export interface BoardStore {
  /** This tab was let in to look: every `commit` would be refused. */
  readonly readOnly: boolean
  readonly live: Readable<Snapshot>
  /**
   * All or nothing. Resolves once the transaction is committed, or refused by a guard; then `current` holds what `read`
   * asked for. Rejects with an error that carries `code` and `outcome` (see `problems.ts`).
   */
  commit(txn: BoardTxn): Promise<Committed>
  /** The item as it was at `revision`; null if it was not there, or that is forgotten. */
  past(key: string, revision: Revision): Promise<BoardItem | null>
  /** What the cluster has not answered yet, of this page and of its earlier lives, in the order it will happen. */
  readonly unanswered: Readable<readonly Unanswered[]>
  /** Tells, once each, what became of the writes of earlier lives, those that were heard of before this call included. */
  onSettled(run: (settled: Settled) => void): () => void
}

/** A write on its way. */
export interface Unanswered {
  readonly writes: readonly Write[]
  /** Kept on this device: it goes out even if this page ends now. */
  readonly kept: boolean
  /** Of a page that is gone: nobody waits for its `commit`. */
  readonly earlier: boolean
}

export interface Settled {
  readonly guards: readonly Guard[]
  readonly writes: readonly Write[]
  /** When it was asked for, by `Date.now()`. */
  readonly at: number
  readonly result:
    | { readonly kind: 'committed'; readonly revision: Revision }
    /** By a guard. */
    | { readonly kind: 'refused' }
    | { readonly kind: 'failed'; readonly error: unknown }
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
