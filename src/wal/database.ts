import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from 'idb'
import type { MemberId } from '../raft/types.ts'
import { WalError, type WalErrorCode } from '../replica/types.ts'
import type { PartKey } from './snapshot-parts.ts'

/** The one IndexedDB database of a member: which stores there are, how it is opened, and what its errors mean here. */
export interface WalIdentity {
  readonly clusterId: string
  readonly member: MemberId
}

export interface WalSchema extends DBSchema {
  meta: { key: string; value: StoredIdentity }
  records: { key: number; value: unknown }
  snapshot: { key: string; value: unknown }
  parts: { key: PartKey; value: unknown }
  outbox: { key: number; value: unknown }
}

export interface StoredIdentity extends WalIdentity {
  readonly format: number
}

const storeNames = ['meta', 'records', 'snapshot', 'parts', 'outbox'] as const
export type StoreName = (typeof storeNames)[number]
export type Database = IDBPDatabase<WalSchema>
export type Transaction = IDBPTransaction<WalSchema, StoreName[], 'readwrite'>
export type Upgrade = IDBPTransaction<WalSchema, StoreName[], 'versionchange'>

/** Which stores there are: the outbox since version 2, the parts since 3. Records carry a version of their own. */
const DATABASE_VERSION = 3

/**
 * How long somebody who holds an older version of the database is waited for. Whoever is awake lets go at once; who is frozen may never.
 */
const blockedMsMax = 5_000

/** Counts when the transaction's `complete` has fired: then the browser has asked the disk to keep it. */
export const strict: IDBTransactionOptions = { durability: 'strict' }

export function databaseName({ clusterId, member }: WalIdentity): string {
  return `flotilla/${clusterId}/${member}`
}

/** The inverse; null for a database that is no log. */
export function identityOf(name: string): WalIdentity | null {
  const [, clusterId, digits] = /^flotilla\/(.+)\/(\d+)$/.exec(name) ?? []
  const member = Number(digits)
  return clusterId !== undefined && Number.isSafeInteger(member) && member > 0 ? { clusterId, member } : null
}

/**
 * `create` is called, in the transaction that makes the database, if there was none; the stores are there by then.
 * Errors: `UNAVAILABLE`.
 */
export async function openDatabase(identity: WalIdentity, create: (transaction: Upgrade) => void): Promise<Database> {
  const opened = new Promise<Database>((resolve, reject) => {
    let patience: ReturnType<typeof setTimeout> | undefined
    let gaveUp = false
    const opening = openDB<WalSchema>(databaseName(identity), DATABASE_VERSION, {
      upgrade(database, oldVersion, _newVersion, transaction) {
        void tolerated(transaction.done)
        for (const name of storeNames) {
          if (!database.objectStoreNames.contains(name)) database.createObjectStore(name)
        }
        if (oldVersion === 0) create(transaction)
      },
      blocked() {
        patience = setTimeout(() => {
          gaveUp = true
          reject(new WalError('UNAVAILABLE', 'another tab holds an older version of this log, and does not let go'))
        }, blockedMsMax)
      },
    })
    opening
      .then(database => (gaveUp ? database.close() : resolve(database)), reject)
      .finally(() => clearTimeout(patience))
  })
  return opened.catch((error: unknown) => {
    throw walError(error, 'UNAVAILABLE')
  })
}

/** For a promise whose failure shows elsewhere too, and must not be reported as unhandled here. */
export async function tolerated(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch {
    // See above.
  }
}

export function walError(error: unknown, otherwise: WalErrorCode): WalError {
  if (error instanceof WalError) return error
  // A full disk is reported by name; whether it is an Error object depends on the engine's age.
  const { name = 'unknown', message = String(error) } = error instanceof Object ? (error as Partial<Error>) : {}
  return new WalError(codes.get(name) ?? otherwise, `${name}: ${message}`, { cause: error })
}

const codes: ReadonlyMap<string, WalErrorCode> = new Map([
  ['QuotaExceededError', 'NOSPACE'],
  // Chromium keeps large values in files of their own, and one is gone (https://chromestatus.com/feature/5140210640486400).
  ['NotReadableError', 'CORRUPT'],
])
