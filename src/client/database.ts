import type { MemberId } from '../raft/types.ts'
import type { TabRole } from '../replica/types.ts'
import type { CompactResponse, Header, LeaseId, Revision } from '../store/types.ts'
import type { HostStatus } from '../worker/protocol.ts'
import { type ExportData, type ExportOptions, exportBackup } from './backup.ts'
import { text } from './codec.ts'
import type { Connection, WriteOptions } from './connection.ts'
import { aborted, FlotillaError } from './errors.ts'
import type { DatabaseEvent } from './events.ts'
import type { Faults } from './faults.ts'
import { KeySpace } from './keyspace.ts'
import { attachLease, grantLease, type Lease } from './lease.ts'
import { awaitAnswers, type LeaveOptions } from './leave.ts'
import { type Abortable, type Consistency, Namespace } from './namespace.ts'
import type { PendingWrite, SettledWrite } from './pending.ts'
import { Observable, type Readable } from './readable.ts'
import { count } from './requests.ts'
import { SessionLeases } from './session-leases.ts'
import { type StorageUse, storageUse } from './storage.ts'

/** How it stands with the signaling server. It is needed to find other members, not to stay in touch with them. */
export type SignalingState =
  | 'connecting'
  | 'connected'
  /** Not reached; tried again and again. */
  | 'disconnected'
  /** Reached, but it is full or of another version; tried again and again. */
  | 'refused'
  /** There is no server, as was asked for: only the tabs of this browser find each other. */
  | 'none'
  /** This browser has no WebRTC, and there is no relay, so other members could not be reached anyway. */
  | 'unavailable'
  | 'closed'

export interface DatabaseStatus extends HostStatus {
  readonly signaling: SignalingState
  /** Why the member stopped for good; null while it runs. */
  readonly failure: FlotillaError | null
  /**
   * Why the member does not run just now: no room on the disk (`NOSPACE`), or no disk (`STORAGE_UNAVAILABLE`). It is opened again by
   * and by, and what is asked for waits, as without a quorum.
   */
  readonly interruption: FlotillaError | null
}

/** What a database needs from whoever put it together. */
export interface DatabaseParts {
  readonly connection: Connection
  readonly role: TabRole
  readonly invite: string
  readonly viewerInvite: string
  readonly clusterId: string
  readonly status: HostStatus
  readonly signaling: Readable<SignalingState>
  readonly sessionTtlSeconds?: number | undefined
  readonly faults: Faults
  /** Prometheus text: what the worker counts. */
  readonly metrics: () => Promise<string>
  readonly exportData: ExportData
  /** Has the member removed and deleted. */
  readonly leave: (force: boolean) => Promise<void>
  /** Stops the member in good order and lets go of everything. */
  readonly close: () => Promise<void>
}

/** A cluster's keys, all of them, as seen from this tab; values are text unless a `namespace` says otherwise. */
export class Database extends Namespace<string> implements AsyncDisposable {
  /** By the invite: an `editor` reads and writes; a `viewer` has all the data, and what would change them is `PERMISSION_DENIED`. */
  readonly role: TabRole
  /** What this tab was let in by. Whoever has it can do what this tab can: to be shared as a secret, in a URL's fragment. */
  readonly invite: string
  /** Whoever has it can join and read, and not write. A viewer's own. */
  readonly viewerInvite: string
  readonly clusterId: string
  /** Ways to bring about what happens to tabs: for tests and demonstrations. */
  readonly faults: Faults
  readonly #connection: Connection
  readonly #status: Observable<DatabaseStatus>
  readonly #metrics: () => Promise<string>
  readonly #exportData: ExportData
  readonly #leave: (force: boolean) => Promise<void>
  readonly #close: () => Promise<void>
  #closed: Promise<void> | null = null

  /** By `open()` or `create()`. */
  constructor(parts: DatabaseParts) {
    const { connection, sessionTtlSeconds } = parts
    super(connection, new KeySpace(new Uint8Array(), text()), new SessionLeases(connection, sessionTtlSeconds))
    this.role = parts.role
    this.invite = parts.invite
    this.viewerInvite = parts.viewerInvite
    this.clusterId = parts.clusterId
    this.faults = parts.faults
    this.#connection = parts.connection
    this.#metrics = parts.metrics
    this.#exportData = parts.exportData
    this.#leave = parts.leave
    this.#close = parts.close
    this.#status = new Observable<DatabaseStatus>({
      ...parts.status,
      signaling: 'connecting',
      failure: null,
      interruption: null,
    })
    parts.signaling.subscribe(signaling => this.#status.set({ ...this.#status.value, signaling }))
    parts.connection.status.subscribe(status => {
      const { failure, interruption } = parts.connection
      this.#status.set({ ...this.#status.value, ...status, failure, interruption })
    })
  }

  /** This tab's member; the same one after a reload. Another if the cluster removed it for having been away too long. */
  get member(): MemberId {
    return this.#status.value.replica.member
  }

  /** As of the member's last word, which comes with every change. */
  status(): DatabaseStatus {
    return this.#status.value
  }

  /** The same, as a Svelte store. */
  get statusStore(): Readable<DatabaseStatus> {
    return this.#status
  }

  /**
   * Forgets every revision before `revision`: reads and watches of older ones fail with `COMPACTED` from then on. What the
   * keys hold now is not touched. Errors: `COMPACTED`, `FUTURE_REVISION`.
   */
  async compact(revision: Revision, options: WriteOptions = {}): Promise<{ readonly header: Header }> {
    const request = { op: 'compact', revision: count('revision', revision) } as const
    const { header }: CompactResponse = await this.#connection.write(request, options)
    return { header }
  }

  /**
   * A lease of so many seconds, at least, kept alive from here until it is revoked. Errors: `LEASE_TTL_TOO_LARGE`. Aborting takes
   * it back.
   */
  lease(ttlSeconds: number, options: Abortable = {}): Promise<Lease> {
    return grantLease(this.#connection, ttlSeconds, options)
  }

  /** A lease that exists, kept alive from here from now on. Errors: `LEASE_NOT_FOUND`. */
  attachLease(lease: LeaseId, options: Abortable = {}): Promise<Lease> {
    return attachLease(this.#connection, lease, options)
  }

  /** All leases there are, whoever holds them. */
  async leases(options: Consistency & Abortable = {}): Promise<readonly LeaseId[]> {
    const { serializable = false, signal } = options
    return (await this.#connection.read({ op: 'leases' }, serializable, signal)).leases
  }

  /**
   * The writes that the cluster has not answered yet, in the order they will happen, those of earlier lives of this tab
   * first. A Svelte store.
   */
  get pending(): Readable<readonly PendingWrite[]> {
    return this.#connection.pending
  }

  /**
   * What became of writes that an earlier life of this tab left unanswered, the latest 256: nobody holds their promises any
   * more. A Svelte store.
   */
  get settled(): Readable<readonly SettledWrite[]> {
    return this.#connection.settled
  }

  /**
   * What this tab saw happen to the cluster since it was opened (who joined, voted, led, was let go, and why), the latest 512, the
   * oldest first. A Svelte store.
   */
  get events(): Readable<readonly DatabaseEvent[]> {
    return this.#connection.events
  }

  /** Prometheus text: this tab's member, its log, its links and its page, with etcd's names where etcd counts the same. */
  metrics(): Promise<string> {
    return this.#metrics()
  }

  /**
   * All data as a file, for `create` to found another cluster with: every revision that is not compacted, and the leases. Of the
   * present, like a linearizable read; with `serializable`, of what this tab's member has applied, also without a quorum.
   */
  export(options: ExportOptions = {}): Promise<Blob> {
    return exportBackup(this.#connection, this.#status.value, this.#exportData, options)
  }

  /** What this site's storage takes up in this browser, and whether the browser has promised to keep it. */
  storage(): Promise<StorageUse> {
    return storageUse()
  }

  /**
   * Leaves the cluster for good: it removes this tab's member, whose data are then deleted from this browser. The database is closed
   * then. Members of other tabs stay.
   *
   * Errors, after which it is a member still: `LAST_MEMBER` if no other one is in reach, so that this may be the last copy; `UNREMOVED`
   * if the cluster did not act in time; `UNAVAILABLE` if writes are not answered yet. With `force` it is deleted all the same.
   */
  async leave({ force = false, signal }: LeaveOptions = {}): Promise<void> {
    if (!force) await awaitAnswers(this.#connection, signal)
    if (signal?.aborted) throw aborted(signal, 'definite')
    await this.#leave(force)
    this.#closed ??= Promise.resolve()
    this.#connection.fail(new FlotillaError('STOPPED', 'This tab has left the cluster.'))
  }

  /** Hands over what this member does for the others and stops it. What it holds stays in this browser. */
  close(): Promise<void> {
    this.#closed ??= this.#shutDown()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #shutDown(): Promise<void> {
    await this.#close()
    this.#connection.fail(new FlotillaError('STOPPED', 'The database was closed.'))
  }
}
