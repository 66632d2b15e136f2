import { afterEach, beforeEach, vi } from 'vitest'
import { text } from '../../../src/client/codec.ts'
import { Connection } from '../../../src/client/connection.ts'
import { nowMs } from '../../../src/client/epoch.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import { grantLease, type Lease } from '../../../src/client/lease.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { randomName } from '../../../src/client/session.ts'
import { emptyState, foundingWrite } from '../../../src/replica/founding.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'
import { Replica } from '../../../src/replica/replica.ts'
import type {
  ClientRequest,
  ClientResponse,
  ClusterEvent,
  Input,
  RequestId,
  TabRole,
  WatchNotification,
} from '../../../src/replica/types.ts'
import type { DataWriter } from '../../../src/worker/exporting.ts'
import { LeaseKeeper, type LeaseKeeperOptions } from '../../../src/worker/lease-keeper.ts'
import type { ToHost } from '../../../src/worker/protocol.ts'

/** In a file whose tests let time pass: that of the pages stands still but for `pass`. */
export function useTestTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}

/** One tab: a page, and of its worker what keeps leases alive. The member is not its own. */
export class Tab {
  readonly connection: Connection
  readonly db: Namespace<string>
  readonly keeper: LeaseKeeper
  /** How often this tab was told of events it watches for. */
  wakeups = 0
  crashed = false

  constructor(role: TabRole, options: Pick<LeaseKeeperOptions, 'nextId' | 'send'>) {
    this.connection = new Connection({ role })
    this.db = new Namespace(this.connection, new KeySpace(new Uint8Array(), text()))
    this.keeper = new LeaseKeeper({
      ...options,
      now: nowMs,
      newClientId: randomName,
      tell: message => this.connection.receive(message),
    })
  }

  lease(ttlSeconds: number): Promise<Lease> {
    return grantLease(this.connection, ttlSeconds, {})
  }
}

/** A real replica, alone in its cluster, that several pages talk to. Its time passes only when the test says so. */
export class Tabs {
  readonly #replica: Replica
  readonly #tabs: Tab[] = []
  readonly #asked = new Map<RequestId, { readonly tab: Tab; readonly id: RequestId }>()
  /** Who asked for a keepalive. */
  readonly #keepers = new Map<RequestId, Tab>()
  #nextId: RequestId = 1
  #inputs: Input[] = []
  #turnDue = false
  /** While true nothing the pages ask for is heard, as without a quorum. */
  #deaf = false
  readonly #unheard: (() => void)[] = []

  /** With these data, or none. */
  constructor(data?: Uint8Array) {
    const { install } = foundingWrite(7, data)
    const recovered = { ...emptyState, hardState: { term: 1, vote: 0, commit: 1 }, snapshot: install }
    this.#replica = new Replica({ member: 7, recovered, random: () => 0.5 })
  }

  beginExport(): DataWriter {
    return this.#replica.beginExport()
  }

  open(role: TabRole = 'editor'): Tab {
    const tab: Tab = new Tab(role, {
      nextId: () => this.#nextId++,
      send: (id, command) => {
        this.#keepers.set(id, tab)
        this.#inputs.push({ kind: 'request', id, request: { kind: 'write', command } })
        this.#schedule()
      },
    })
    this.#tabs.push(tab)
    tab.connection.attach(message => this.#hear(tab, structuredClone(message)))
    return tab
  }

  /** It is never heard of again, and hears nothing. */
  crash(tab: Tab): void {
    tab.crashed = true
  }

  loseQuorum(): void {
    this.#deaf = true
  }

  regainQuorum(): void {
    this.#deaf = false
    for (const hear of this.#unheard.splice(0)) hear()
  }

  /** For the cluster, the pages and what keeps leases alive. Needs `useTestTime`. */
  async pass(seconds: number): Promise<void> {
    const { ticksPerSecond } = defaultReplicaOptions
    for (let tick = 0; tick < seconds * ticksPerSecond; tick++) {
      vi.advanceTimersByTime(1000 / ticksPerSecond)
      for (const { keeper, crashed } of this.#tabs) if (!crashed) keeper.tick()
      this.#inputs.push({ kind: 'tick' })
      this.#turn()
      await settled()
    }
  }

  #hear(tab: Tab, message: ToHost): void {
    if (tab.crashed) return
    if (this.#deaf) {
      this.#unheard.push(() => this.#hear(tab, message))
      return
    }
    switch (message.type) {
      case 'requests':
        for (const { id, request } of message.requests) this.#ask(tab, id, request)
        break
      case 'cancel':
        for (const id of message.ids) this.#about(tab, id, own => ({ kind: 'cancel', id: own }))
        break
      case 'credit':
        this.#about(tab, message.id, id => ({ kind: 'credit', id, batches: message.batches }))
        break
      case 'progress':
        this.#about(tab, message.id, id => ({ kind: 'progress', id }))
        break
      case 'keepLease':
        tab.keeper.keep(message.lease, message.ttlSeconds, message.sinceMs)
        break
      case 'dropLease':
        tab.keeper.drop(message.lease)
        break
      case 'leave':
      case 'freeze':
      case 'wake':
        break
      default:
        message satisfies never
    }
    this.#schedule()
  }

  #ask(tab: Tab, id: RequestId, request: ClientRequest): void {
    const own = this.#nextId++
    this.#asked.set(own, { tab, id })
    this.#inputs.push({ kind: 'request', id: own, request })
  }

  #about(tab: Tab, id: RequestId, toInput: (own: RequestId) => Input): void {
    for (const [own, asked] of this.#asked) if (asked.tab === tab && asked.id === id) this.#inputs.push(toInput(own))
  }

  #schedule(): void {
    if (this.#turnDue) return
    this.#turnDue = true
    queueMicrotask(() => {
      this.#turnDue = false
      this.#turn()
    })
  }

  #turn(): void {
    do {
      for (const output of this.#replica.handle(this.#inputs.splice(0))) {
        if (output.kind === 'persist') this.#inputs.push({ kind: 'walDone', id: output.id })
        if (output.kind === 'stage') this.#inputs.push({ kind: 'staged', id: output.id })
        if (output.kind === 'respond') this.#respond(output.id, output.response)
        if (output.kind === 'notify') this.#notify(output.id, output.notification)
        if (output.kind === 'event') this.#tell(output.event)
      }
    } while (this.#inputs.length > 0)
  }

  #respond(own: RequestId, response: ClientResponse): void {
    const keeping = this.#keepers.get(own)
    if (keeping !== undefined && !keeping.crashed) keeping.keeper.answered(own, response)
    const asked = this.#asked.get(own)
    if (asked === undefined || asked.tab.crashed) return
    const { tab, id } = asked
    tab.connection.receive(structuredClone({ type: 'turn', responses: [{ id, response }], notifications: [] }))
  }

  #tell(event: ClusterEvent): void {
    const { member } = this.#replica
    for (const { connection, crashed } of this.#tabs) {
      if (!crashed)
        connection.receive(structuredClone({ type: 'events', events: [{ at: Date.now(), member, ...event }] }))
    }
  }

  #notify(own: RequestId, notification: WatchNotification): void {
    const asked = this.#asked.get(own)
    if (asked === undefined || asked.tab.crashed) return
    const { tab, id } = asked
    if (notification.kind === 'events') tab.wakeups += 1
    tab.connection.receive(structuredClone({ type: 'turn', responses: [], notifications: [{ id, notification }] }))
  }
}

/** Until all that is under way in memory has arrived: a task, behind however many microtasks. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
