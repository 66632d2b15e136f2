import { text } from '../../../src/client/codec.ts'
import { Connection } from '../../../src/client/connection.ts'
import { nowMs } from '../../../src/client/epoch.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import { grantLease, type Lease } from '../../../src/client/lease.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { emptyState, foundingWrite } from '../../../src/replica/founding.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'
import { Replica } from '../../../src/replica/replica.ts'
import type { ClientRequest, ClientResponse, Input, RequestId, WatchNotification } from '../../../src/replica/types.ts'
import type { Command, LeaseId } from '../../../src/store/types.ts'
import type { ToHost } from '../../../src/worker/protocol.ts'

/** One page: a connection of its own, and the member's answers to what it asked. */
export class Tab {
  readonly connection = new Connection()
  readonly db = new Namespace(this.connection, new KeySpace(new Uint8Array(), text()))
  readonly kept = new Map<LeaseId, { readonly ttlSeconds: number; keeperSeq: number }>()
  /** How often this tab was told of events it watches for. */
  wakeups = 0
  crashed = false

  lease(ttlSeconds: number): Promise<Lease> {
    return grantLease(this.connection, ttlSeconds, {})
  }
}

/** A real replica, alone in its cluster, that several pages talk to. Its time passes only when the test says so. */
export class Tabs {
  readonly #replica = new Replica({
    member: 7,
    recovered: { ...emptyState, hardState: { term: 1, vote: 0, commit: 1 }, snapshot: foundingWrite(7).install },
    random: () => 0.5,
  })
  readonly #tabs: Tab[] = []
  readonly #asked = new Map<RequestId, { readonly tab: Tab; readonly id: RequestId }>()
  #nextId: RequestId = 1
  #inputs: Input[] = []
  #turnDue = false
  /** While true nothing the pages ask for is heard, as without a quorum. */
  #deaf = false
  readonly #unheard: (() => void)[] = []

  open(): Tab {
    const tab = new Tab()
    this.#tabs.push(tab)
    tab.connection.attach(message => this.#hear(tab, structuredClone(message)))
    return tab
  }

  /** It is never heard of again, and hears nothing. */
  crash(tab: Tab): void {
    tab.crashed = true
    tab.kept.clear()
  }

  loseQuorum(): void {
    this.#deaf = true
  }

  regainQuorum(): void {
    this.#deaf = false
    for (const hear of this.#unheard.splice(0)) hear()
  }

  /** Leases of tabs that run are kept alive in each second. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      for (const tab of this.#tabs) for (const [lease, kept] of tab.kept) this.#keepAlive(tab, lease, kept)
      for (let tick = 0; tick < defaultReplicaOptions.ticksPerSecond; tick++) {
        this.#inputs.push({ kind: 'tick' })
        this.#turn()
      }
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
        tab.kept.set(message.lease, { ttlSeconds: message.ttlSeconds, keeperSeq: 0 })
        break
      case 'dropLease':
        tab.kept.delete(message.lease)
        break
      case 'leave':
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

  #keepAlive(tab: Tab, lease: LeaseId, kept: { readonly ttlSeconds: number; keeperSeq: number }): void {
    kept.keeperSeq += 1
    const command: Command = {
      clientId: lease.toString(16).padStart(32, '0'),
      seq: kept.keeperSeq,
      acked: kept.keeperSeq - 1,
      request: { op: 'leaseKeepAlive', lease },
    }
    const sentMs = nowMs()
    const own = this.#nextId++
    this.#keepers.set(own, ({ ok }) => {
      if (ok) tab.connection.receive({ type: 'leaseKept', lease, untilMs: sentMs + kept.ttlSeconds * 1000 })
      else if (tab.kept.delete(lease)) tab.connection.receive({ type: 'leaseLost', lease })
    })
    this.#inputs.push({ kind: 'request', id: own, request: { kind: 'write', command } })
  }

  readonly #keepers = new Map<RequestId, (response: ClientResponse) => void>()

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
        if (output.kind === 'respond') this.#respond(output.id, output.response)
        if (output.kind === 'notify') this.#notify(output.id, output.notification)
      }
    } while (this.#inputs.length > 0)
  }

  #respond(own: RequestId, response: ClientResponse): void {
    this.#keepers.get(own)?.(response)
    const asked = this.#asked.get(own)
    if (asked === undefined || asked.tab.crashed) return
    const { tab, id } = asked
    tab.connection.receive(structuredClone({ type: 'turn', responses: [{ id, response }], notifications: [] }))
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
