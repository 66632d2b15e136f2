import { create, type Database, open } from '../../src/client/flotilla.ts'
import { Store } from '../../src/store/store.ts'
import { encodeBackupHeader } from '../../src/wal/backup-file.ts'
import { crc32c } from '../../src/wal/crc32c.ts'
import { keyOf, valueBytes } from '../loads.ts'
import { putOf, textOf } from '../store-load.ts'

/** When a page that opens a database came to where, in milliseconds from the start of its navigation. */
export interface Arrivals {
  /** Its script runs. */
  readonly script: number
  /** `open` is answered. */
  readonly opened: number
  /** A read of what this member has. */
  readonly localRead: number
  /** A read of what the cluster has. */
  readonly linearizableRead: number
  readonly member: number
}

const signaling = '/signal'
/** Writes on their way at any time, where many are made. */
const writesInFlight = 64

/** A page that does nothing but use the library. With an invite in its address it opens that at once. */
export class TabPage {
  #db: Database | null = null
  readonly arrivals: Promise<Arrivals>

  constructor() {
    const script = performance.now()
    this.arrivals = location.hash === '' ? new Promise(() => {}) : this.#open(script)
    this.arrivals.catch(() => {})
  }

  /** Founds a cluster that begins with so many keys. Returns its address. */
  async found(keys: number): Promise<string> {
    this.#db = await create({ signaling, ...(keys === 0 ? {} : { data: backupOf(keys) }) })
    await this.#db.get(textOf(0))
    return `#invite=${this.#db.invite}`
  }

  /** Resolves when three members that can be reached have a vote, as far as this one knows. */
  async threeVoters(): Promise<void> {
    const { statusStore } = this.#database()
    await new Promise<void>(resolve => {
      statusStore.subscribe(({ replica }) => {
        if (replica.members.filter(({ state, connected }) => connected && state === 'voter').length === 3) resolve()
      })
    })
  }

  /** Resolves when so many members can be reached, with the milliseconds since this page's navigation began. */
  async sees(members: number): Promise<number> {
    await this.arrivals
    const { statusStore } = this.#database()
    await new Promise<void>(resolve => {
      statusStore.subscribe(({ replica }) => {
        if (replica.members.filter(({ connected }) => connected).length >= members) resolve()
      })
    })
    return performance.now()
  }

  /** Writes so often, over and over to the same few keys. */
  async overwrite(keys: number, bytes: number, writes: number): Promise<void> {
    const db = this.#database()
    let begun = 0
    const lane = async () => {
      while (begun < writes) await db.put(keyOf(begun++ % keys), noise(bytes))
    }
    await Promise.all(Array.from({ length: writesInFlight }, lane))
  }

  /** All that scripts and documents of this tab take up, its worker's among them, once garbage is collected. */
  async memoryBytes(): Promise<number> {
    const { bytes } = await performance.measureUserAgentSpecificMemory()
    return bytes
  }

  /** What can still be read, by the store's own count: of every revision that is not compacted. */
  async storeBytes(): Promise<number> {
    const metrics = await this.#database().metrics()
    return Number(/^etcd_mvcc_db_total_size_in_bytes\S* (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN)
  }

  async #open(script: number): Promise<Arrivals> {
    const db = await open({ signaling, invite: location.href })
    this.#db = db
    const opened = performance.now()
    await db.get(textOf(0), { serializable: true })
    const localRead = performance.now()
    await db.get(textOf(0))
    return { script, opened, localRead, linearizableRead: performance.now(), member: db.member }
  }

  #database(): Database {
    if (this.#db === null) throw new Error('no database is open')
    return this.#db
  }
}

/** Text of so many bytes that cannot be compressed by much, as the browser would on its way to the disk. */
function noise(bytes: number): string {
  return String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes)).map(byte => 0x21 + (byte & 0x3f)))
}

/** The file that an export of such a cluster would be: made without one, since a million writes would take minutes. */
function backupOf(keys: number): Blob {
  const store = new Store({ quotaBytesMax: Number.MAX_SAFE_INTEGER })
  const value = new Uint8Array(valueBytes).fill(0x76)
  const encoder = new TextEncoder()
  for (let number = 0; number < keys; number += 1) {
    const request = putOf(encoder.encode(textOf(number)), value)
    store.apply({ clientId: '0'.repeat(32), seq: number + 1, acked: number, request })
  }
  const data = Uint8Array.from(store.snapshot())
  const header = { clusterId: '0'.repeat(32), revision: store.revision, createdAtMs: Date.now() }
  return new Blob([encodeBackupHeader({ ...header, dataBytes: data.length, dataChecksum: crc32c(data) }), data])
}

declare global {
  interface Window {
    benchTab: TabPage
  }
  interface Performance {
    /** https://wicg.github.io/performance-measure-memory/; Chromium's, where a page is cross-origin isolated. */
    measureUserAgentSpecificMemory(): Promise<{ readonly bytes: number }>
  }
}

window.benchTab = new TabPage()
