import type { ClientResponse, RequestId, WatchNotification } from '../../../src/replica/types.ts'
import type { ReadRequest } from '../../../src/store/types.ts'
import { versionOf } from '../judges/answers.ts'
import type { Random } from '../random.ts'
import { Draw } from './draw.ts'
import { LockUser } from './locks.ts'
import type { OutboxDisk } from './outbox-disk.ts'
import { Page, type Waiting, type World } from './page.ts'
import { prefixed, range } from './requests.ts'
import { type Push, WorkerHalf } from './worker-half.ts'

/** Whoever sits before a tab: one page after the other, and what is asked for there. */
export class Client {
  readonly #world: World
  readonly #random: Random
  readonly #idStep: number
  #lastId: RequestId
  #page: Page
  #draw: Draw
  #lockUser: LockUser
  #worker: WorkerHalf | null = null
  #pageGoes = false
  #isActive = true

  /** Its request ids are `ordinal` modulo `idStep`, which tells them from those of others in the tab. */
  constructor(world: World, random: Random, ordinal: number, idStep: number) {
    this.#world = world
    this.#random = random
    this.#lastId = ordinal
    this.#idStep = idStep
    this.#page = this.#newPage()
    this.#draw = this.#newDraw()
    this.#lockUser = this.#newLockUser()
  }

  /** What it waits for: answers, events, a lock. */
  get unsettled(): readonly string[] {
    const lock = this.#lockUser.unsettled
    return [...this.#page.unsettled, ...(this.#worker?.unsettled ?? []), ...(lock === null ? [] : [lock])]
  }

  /** The tab's member is running, and beside its log there is an outbox, or none. */
  connect(push: Push, disk: OutboxDisk | null): void {
    if (this.#pageGoes) {
      this.#page = this.#newPage()
      this.#draw = this.#newDraw()
      this.#lockUser = this.#newLockUser()
    }
    this.#pageGoes = false
    const worker = this.#newWorker(push, disk)
    this.#worker = worker
    this.#page.attach(worker)
    while (this.#page.watches < this.#world.config.watchesMax) this.#watchSomething()
    this.#think(worker)
  }

  /** The tab's member is gone, and the page with it or not. */
  disconnect(): void {
    if (this.#worker === null) return
    this.#worker.end()
    this.#worker = null
    this.#page.detach()
    if (!this.#random.chance(this.#world.config.pageOutlives)) this.#pageGoes = true
    if (this.#pageGoes) this.#lockUser.end()
  }

  /** The page says goodbye: what it was not answered is kept, and its leases end. */
  leaving(): void {
    this.#pageGoes = true
    this.#page.forgetLeases()
    this.#worker?.leave()
  }

  /** What was not answered to an orphan's page is asked from here. */
  takeOver(orphan: OutboxDisk): void {
    this.#worker?.takeOver(orphan)
  }

  /** Asks for nothing new any more. */
  rest(): void {
    this.#isActive = false
  }

  /** Asks this member for all that it holds, which must be all there is. */
  inspect(): void {
    const { model, promises } = this.#world
    const everything: ReadRequest[] = [range(prefixed('')), { op: 'hashKv', revision: 0 }]
    for (const { lease } of model.leases) everything.push({ op: 'leaseTimeToLive', lease, keys: true })
    for (const request of everything) this.#page.inspect(request, { firm: true })
    const onAnswer = (response: ClientResponse) => {
      if (!response.ok || response.response.op !== 'leases') return
      promises.inspected(response.response.leases, response.response.header.revision)
    }
    this.#page.inspect({ op: 'leases' }, { firm: true, onAnswer })
  }

  /** After each turn of the member. */
  turned(hasQuorum: () => boolean): void {
    if (this.#worker === null) return
    this.#worker.turned(hasQuorum)
    this.#page.checkLeases()
  }

  responded(id: RequestId, response: ClientResponse): void {
    const asked = this.#worker?.answered(id, response) ?? null
    if (asked !== null) this.#page.answered(asked, response)
  }

  notified(id: RequestId, notification: WatchNotification): void {
    this.#page.notified(id, notification)
  }

  #newPage(): Page {
    return new Page(this.#world, this.#random.fork(), () => this.#takeId())
  }

  #newDraw(): Draw {
    return new Draw(this.#random.fork(), this.#world.config, this.#world.model, this.#page.name)
  }

  #newLockUser(): LockUser {
    const { schedule, referee } = this.#world
    return new LockUser(this.#page, schedule, this.#random.fork(), referee, this.#draw)
  }

  #newWorker(push: Push, disk: OutboxDisk | null): WorkerHalf {
    const { schedule, promises, history } = this.#world
    return new WorkerHalf({
      schedule,
      random: this.#random.fork(),
      promises,
      history,
      disk,
      nextId: () => this.#takeId(),
      push,
      tellOfLease: message => {
        this.#page.leaseTold(message)
        if (message.type === 'leaseLost') this.#lockUser.leaseLost(message.lease)
      },
    })
  }

  #think(worker: WorkerHalf): void {
    const { schedule, config } = this.#world
    schedule.after(this.#random.between(...config.thinkMs), () => {
      if (!this.#isActive || this.#worker !== worker || this.#page.asked >= config.requestsMax) return
      if (this.#page.inFlight < config.inFlightMax) this.#ask()
      this.#think(worker)
    })
  }

  #ask(): void {
    const { abortWeight, locks, mayWrite } = this.#world.config
    const weights = { read: 3, localRead: 1, sideRead: 0.5, localSideRead: 0.2, progress: 0.5 }
    const writes = mayWrite ? { write: 6, lock: locks } : { write: 0, lock: 0 }
    switch (this.#random.weighted({ ...weights, ...writes, abort: abortWeight, retry: abortWeight })) {
      case 'write':
        this.#page.write(this.#draw.write(), { firm: false })
        return
      case 'read':
        this.#page.read(this.#draw.read(), this.#learning)
        return
      case 'localRead':
        this.#page.readLocally(this.#draw.read(), this.#learning)
        return
      case 'sideRead':
        this.#page.read(this.#draw.sideRead(), { firm: false })
        return
      case 'localSideRead':
        this.#page.readLocally(this.#draw.sideRead(), { firm: false })
        return
      case 'progress':
        this.#page.askProgress()
        return
      case 'abort':
        this.#page.abort()
        if (this.#page.watches < this.#world.config.watchesMax) this.#watchSomething()
        return
      case 'retry':
        this.#page.retry()
        return
      case 'lock':
        this.#lockUser.enter(`lock${this.#random.integer(1, locks)}`)
        return
    }
  }

  /** What it is shown it takes for true from then on. */
  get #learning(): Waiting {
    const draw = this.#draw
    return {
      firm: false,
      onAnswer: response => {
        if (!response.ok || response.response.op !== 'range') return
        for (const kv of response.response.kvs) draw.believes(versionOf(kv))
      },
    }
  }

  #watchSomething(): void {
    const page = this.#page
    page.watch(this.#draw.watch(), false, kind => {
      if (kind === 'compacted' && page === this.#page) this.#watchSomething()
    })
  }

  #takeId(): RequestId {
    this.#lastId += this.#idStep
    return this.#lastId
  }
}
