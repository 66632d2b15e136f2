import { defaultMembership } from '../../src/client/membership.ts'
import { WalError } from '../../src/replica/types.ts'
import { listMembers } from '../../src/wal/idb-clusters.ts'
import { createWal, deleteWal, type IdbWal, openWal } from '../../src/wal/idb-wal.ts'
import { bequeath, newMember } from '../../src/worker/opening.ts'
import { walCases } from '../unit/wal/contract.ts'
import { outboxCases, outboxEntry } from '../unit/wal/outbox-contract.ts'
import { entries, nothing, snapshotAt, wholeSnapshot, write } from '../unit/wal/writes.ts'

/**
 * The log over IndexedDB, for `tests/e2e/wal.spec.ts` to drive: the contract's cases by name, and the parts from which a test
 * makes cases that only a browser has.
 */
declare global {
  interface Window {
    runWalContract(name: string): Promise<void>
    runOutboxContract(name: string): Promise<void>
    wal: typeof parts
    /** Where a test leaves a log open between two of its calls. */
    openWal?: IdbWal
    /** Where a test that kills the browser puts a function of its own. */
    report?(index: number): Promise<void>
  }
}

const clusterId = 'contract'

/** How something ended: 'done', or the code of the WalError it failed with. Anything else is thrown on. */
async function outcome(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    if (error instanceof WalError) return error.code
    throw error
  }
}

/** The bare database, to damage it behind the log's back. */
function openRaw(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function read<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Makes the database of a log that is not open anew, as an older version of this program had it: with these stores alone. */
async function remake(member: number, version: number, stores: readonly string[]): Promise<void> {
  const name = `flotilla/${clusterId}/${member}`
  const database = await openRaw(name)
  const contents = await Promise.all(
    stores.map(async store => {
      const source = database.transaction(store).objectStore(store)
      const [keys, values] = await Promise.all([read(source.getAllKeys()), read<unknown[]>(source.getAll())])
      return { store, keys, values }
    }),
  )
  database.close()
  await read(indexedDB.deleteDatabase(name))
  const opening = indexedDB.open(name, version)
  opening.onupgradeneeded = () => {
    for (const { store, keys, values } of contents) {
      const made = opening.result.createObjectStore(store)
      for (const [i, key] of keys.entries()) made.put(values[i], key)
    }
  }
  ;(await read(opening)).close()
}

/** Keys of what is in a store of a log that is not open. */
async function keysOf(member: number, store: string): Promise<IDBValidKey[]> {
  const database = await openRaw(`flotilla/${clusterId}/${member}`)
  const keys = await read(database.transaction(store).objectStore(store).getAllKeys())
  database.close()
  return keys
}

/** Bytes that no engine can make smaller. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** Runs `change` on the store of a log that is not open, and waits until it is done. */
async function tamper(member: number, store: string, change: (store: IDBObjectStore) => void): Promise<void> {
  const database = await openRaw(`flotilla/${clusterId}/${member}`)
  await new Promise<void>((resolve, reject) => {
    const transaction = database.transaction(store, 'readwrite')
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
    change(transaction.objectStore(store))
  })
  database.close()
}

/** Flips one bit in the middle of a stored value. */
function flipBit(member: number, storeName: string, key: IDBValidKey): Promise<void> {
  return replace(member, storeName, key, value => {
    const middle = value.length >> 1
    return value.map((byte, at) => (at === middle ? byte ^ 4 : byte))
  })
}

/** Leaves the first half of a stored value. */
function tear(member: number, storeName: string, key: IDBValidKey): Promise<void> {
  return replace(member, storeName, key, value => value.slice(0, value.length >> 1))
}

function replace(
  member: number,
  storeName: string,
  key: IDBValidKey,
  change: (value: Uint8Array) => Uint8Array,
): Promise<void> {
  return tamper(member, storeName, store => {
    const request: IDBRequest<unknown> = store.get(key)
    request.onsuccess = () => {
      if (!(request.result instanceof Uint8Array)) throw new Error('nothing to damage')
      store.put(change(request.result), key)
    }
  })
}

/** Records 1 (empty), 2 (entry 1), 3 (entry 2) and so on, up to `entryCount`. Left open. */
async function filled(member: number, entryCount: number): Promise<IdbWal> {
  const wal = await createWal({ clusterId, member }, nothing)
  for (let index = 1; index <= entryCount; index++) {
    await wal.append(write({ hardState: { term: index, vote: 1, commit: index - 1 }, entries: entries(index, index) }))
  }
  return wal
}

const parts = {
  bequeath,
  clusterId,
  createWal,
  deleteWal,
  entries,
  filled,
  flipBit,
  keysOf,
  listMembers,
  membership: defaultMembership,
  newMember,
  noise,
  nothing,
  openRaw,
  openWal,
  outboxEntry,
  outcome,
  remake,
  snapshotAt,
  tamper,
  tear,
  wholeSnapshot,
  write,
}

window.wal = parts

window.runWalContract = async name => {
  const found = walCases.find(one => one.name === name)
  if (found === undefined) throw new Error(`no case "${name}"`)
  const identity = { clusterId, member: Math.floor(Math.random() * Number.MAX_SAFE_INTEGER) + 1 }
  await found.run({ create: initial => createWal(identity, initial), open: () => openWal(identity) })
}

window.runOutboxContract = async name => {
  const found = outboxCases.find(one => one.name === name)
  if (found === undefined) throw new Error(`no case "${name}"`)
  const identity = { clusterId, member: Math.floor(Math.random() * Number.MAX_SAFE_INTEGER) + 1 }
  let wal = await createWal(identity, nothing)
  await found.run({
    open: async () => wal.outbox,
    reopen: async () => {
      await wal.close()
      wal = await openWal(identity)
      return wal.outbox
    },
  })
}
