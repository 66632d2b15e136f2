import type { Links } from '../net/worker/links.ts'
import type { MemberId } from '../raft/types.ts'
import type { Output, PeerMessage } from '../replica/types.ts'
import { Clock, type Jump } from './clock.ts'
import type { Result } from './data-protocol.ts'
import { EventPost } from './event-post.ts'
import { makeBackup } from './exporting.ts'
import { asResult, failureOf, HostFailure } from './failure.ts'
import { stepDown } from './faults.ts'
import type { HostedMember } from './hosted-member.ts'
import { RoundTrips, renderMetrics } from './metrics.ts'
import { type Belonging, bequeath, claimMembers, newMember } from './opening.ts'
import { Orphans } from './orphans.ts'
import { PageClient } from './page-client.ts'
import { Parting } from './parting.ts'
import type { FromHost, HostControl, HostStatus, OpenOptions, OpenResult, ToHost } from './protocol.ts'
import { checkNotLast, removeFromCluster, unremoved } from './removal.ts'
import { StatusPost } from './status-post.ts'
import { Turns } from './turns.ts'

type Phase = { readonly phase: 'closed' } | Open | { readonly phase: 'failed'; readonly message: string }

interface Open {
  readonly phase: 'open'
  readonly belonging: Belonging
  readonly primary: HostedMember
  readonly page: PageClient
  readonly orphans: Orphans
}

/** How long `close()` lets a member hand over before it stops all the same. */
const farewellMs = 1_000

/**
 * One tab's host: the member that serves this tab's page, the orphans this tab has adopted, and everything they need of the
 * world. All of them take their turns together.
 */
export class Host implements Omit<HostControl, 'suspend' | 'cutLink' | 'mendLink' | 'held' | 'erase' | 'recover'> {
  readonly #post: (message: FromHost) => void
  readonly #links: Links
  readonly #parting: Parting
  readonly #clock: Clock
  readonly #turns = new Turns(() => this.#turn())
  readonly #status = new StatusPost(() => this.#postStatus())
  readonly #events = new EventPost(message => this.#post(message))
  readonly #members = new Map<MemberId, HostedMember>()
  /** And whether a viewer says that it speaks for them. */
  readonly #linked = new Map<MemberId, boolean>()
  #phase: Phase = { phase: 'closed' }
  readonly #roundTrips = new RoundTrips()
  /** To be started when all else of the turn is on its way. */
  #writes: (() => void)[] = []

  constructor(options: {
    post: (message: FromHost) => void
    door: SharedArrayBuffer | null
    makeLinks: (handlers: LinkHandlers) => Links
  }) {
    this.#post = options.post
    this.#links = options.makeLinks({
      onUp: (member, viewer) => {
        this.#linked.set(member, viewer)
        if (this.#members.has(member)) return
        if (this.#phase.phase === 'open') this.#phase.orphans.heard(member)
        for (const hosted of this.#members.values()) this.#push(hosted, { kind: 'peerUp', member, viewer })
      },
      onDown: member => {
        this.#linked.delete(member)
        // Its tab is gone, but it may have moved in here since.
        if (this.#members.has(member)) return
        for (const hosted of this.#members.values()) this.#push(hosted, { kind: 'peerDown', member })
      },
      onMessage: (from, to, message, viewer) => this.#deliver(from, to, message, viewer),
      onChange: () => {
        this.#roundTrips.observe(this.#links.status())
        this.#status.due()
      },
    })
    const door = options.door === null ? null : new Int32Array(options.door)
    this.#parting = new Parting(door, this.#links)
    this.#clock = new Clock({ onTicks: ticks => this.#tick(ticks), onJump: jump => this.#jump(jump) })
  }

  async open(options: OpenOptions): Promise<OpenResult> {
    try {
      const { members, damaged, held } = await claimMembers(options)
      const [first, ...others] = members
      const primary = first ?? (await newMember(options))
      const page = new PageClient({
        post: this.#post,
        push: input => this.#push(primary, input),
        store: primary.outbox,
        onFailure: error => this.#fail(primary, error),
      })
      const orphans = new Orphans({
        belonging: options,
        primary,
        has: member => this.#members.has(member),
        moveIn: member => this.#host(member),
        moveOut: member => this.#moveOut(member),
        push: (member, input) => this.#push(member, input),
        inherit: entries => page.adopt(entries),
        say: (to, message) => this.#send(primary.id, to, message),
        onEvent: (member, event) => {
          this.#events.add(member, event)
          this.#status.due()
        },
      })
      this.#phase = { phase: 'open', belonging: options, primary, page, orphans }
      this.#host(primary)
      page.quorum = primary.replica.hasQuorum
      if (options.unanswered.length > 0) page.adopt(options.unanswered).catch(error => this.#fail(primary, error))
      for (const other of others) orphans.lend(other)
      for (const identity of damaged) orphans.mourn(identity)
      for (const member of [...held, ...this.#linked.keys()]) orphans.heard(member)
      this.#clock.start()
      this.#status.due()
      return { ok: true, member: primary.id }
    } catch (error) {
      const { code, message } = failureOf(error)
      this.#phase = { phase: 'failed', message }
      return { ok: false, code, message }
    }
  }

  async status(): Promise<HostStatus> {
    return this.#statusOf(this.#opened)
  }

  async metrics(): Promise<string> {
    const { primary, page } = this.#opened
    return renderMetrics({
      status: this.#statusOf(this.#opened),
      replica: primary.replica.metrics(),
      links: this.#links.counters,
      forwarded: this.#links.forwarded,
      fsync: primary.fsync,
      roundTrips: this.#roundTrips,
      page: page.counts,
    })
  }

  async stepDown(): Promise<boolean> {
    if (this.#phase.phase !== 'open') return false
    const { primary } = this.#phase
    return stepDown(primary, input => this.#push(primary, input))
  }

  exportData(goOn: (fraction: number) => Promise<boolean>): Promise<Result<Blob | null>> {
    return asResult(async () => {
      const { belonging, primary } = this.#opened
      return makeBackup(belonging.clusterId, primary.replica.beginExport(), goOn)
    })
  }

  leaveForGood(force: boolean): Promise<Result<null>> {
    return asResult(async () => {
      const { primary, page } = this.#opened
      if (!force) checkNotLast(primary.replica.status(), this.#members)
      // Its leases end while it can still say so.
      await page.leave()
      const isRemoved = await removeFromCluster(primary, input => this.#push(primary, input))
      if (!isRemoved && !force) throw unremoved()
      this.#stop({ phase: 'closed' })
      this.#members.delete(primary.id)
      await Promise.all([primary.destroy(), ...[...this.#members.values()].map(member => member.close())])
      this.#members.clear()
      return null
    })
  }

  async close(): Promise<void> {
    if (this.#phase.phase === 'open') {
      const left = this.#parting.left()
      this.#leave()
      await Promise.race([left, new Promise(resolve => setTimeout(resolve, farewellMs))])
    }
    this.#stop({ phase: 'closed' })
    await Promise.all([...this.#members.values()].map(member => member.close()))
    this.#members.clear()
  }

  receive(message: ToHost): void {
    const phase = this.#phase
    if (phase.phase !== 'open') {
      if (message.type === 'requests') this.#refuse(message)
      return
    }
    switch (message.type) {
      case 'leave':
        this.#leave()
        return
      case 'freeze':
        this.#part('freezing', phase.page.keepAll())
        return
      case 'wake':
        this.#wake(phase.primary)
        return
      default:
        phase.page.receive(message)
    }
  }

  #refuse(message: Extract<ToHost, { type: 'requests' }>): void {
    const why = this.#phase.phase === 'failed' ? this.#phase.message : 'the member is closed'
    const response = { ok: false, code: 'STOPPED', message: why, outcome: 'definite' } as const
    this.#post({
      type: 'turn',
      responses: message.requests.map(({ id }) => ({ id, response })),
      notifications: [],
    })
  }

  get #opened(): Open {
    if (this.#phase.phase === 'open') return this.#phase
    throw new HostFailure('STOPPED', 'the member is not open')
  }

  #host(member: HostedMember): void {
    for (const other of this.#members.values()) {
      this.#push(other, { kind: 'peerUp', member: member.id, viewer: false })
      this.#push(member, { kind: 'peerUp', member: other.id, viewer: false })
    }
    for (const [linked, viewer] of this.#linked) this.#push(member, { kind: 'peerUp', member: linked, viewer })
    this.#members.set(member.id, member)
    member.lost.then(error => {
      if (this.#members.get(member.id) === member) this.#fail(member, error)
    })
    this.#links.setMembers([...this.#members.keys()])
    this.#turns.schedule()
  }

  #tick(ticks: number): void {
    this.#pushToAll(Array.from({ length: ticks }, () => ({ kind: 'tick' })))
    if (this.#phase.phase !== 'open') return
    this.#phase.page.tick()
    this.#phase.orphans.tick(ticks)
  }

  /** What was believed before need not be so any more: who leads, who is there, which leases live. */
  #jump({ asleepMs, missedMs }: Jump): void {
    this.#pushToAll([{ kind: 'resume' }])
    if (this.#phase.phase !== 'open') return
    const { primary, page } = this.#phase
    page.slept(missedMs)
    page.tick()
    this.#events.add(primary.id, { kind: 'woke', asleepMs })
  }

  #push(member: HostedMember, input: Parameters<HostedMember['push']>[0]): void {
    // What arrives is taken in by a member that knows what time it is.
    if (this.#phase.phase === 'open') this.#clock.look()
    member.push(input)
    this.#turns.schedule()
  }

  #pushToAll(inputs: Parameters<HostedMember['push']>[0][]): void {
    for (const member of this.#members.values()) for (const input of inputs) this.#push(member, input)
  }

  #deliver(from: MemberId, to: MemberId, message: PeerMessage, viewer: boolean): void {
    const member = this.#members.get(to)
    if (member !== undefined) this.#push(member, { kind: 'message', from, message, viewer })
  }

  #send(from: MemberId, to: MemberId, message: PeerMessage): void {
    if (this.#members.has(to)) this.#deliver(from, to, message, false)
    else this.#links.send(from, to, message)
  }

  #turn(): void {
    const phase = this.#phase
    if (phase.phase !== 'open') return
    for (const member of [...this.#members.values()]) {
      if (this.#phase.phase !== 'open') return
      try {
        for (const output of member.turn()) this.#carryOut(phase.page, member, output)
      } catch (error) {
        this.#fail(member, error)
      }
    }
    // In the order of who waits: the page for answers, the others for messages, and for the disk we wait anyway. Beginning a
    // write takes about as long as all the rest of a turn, and raft lets a leader's messages go before its own disk is done.
    phase.page.flush()
    this.#links.flush()
    for (const begin of this.#writes.splice(0)) begin()
    phase.page.endTurn()
    phase.orphans.letGoOfVoteless()
  }

  #carryOut(page: PageClient, member: HostedMember, output: Output): void {
    switch (output.kind) {
      case 'persist':
        this.#writes.push(() => {
          member.persist(output.write).then(
            () => this.#push(member, { kind: 'walDone', id: output.id }),
            error => this.#fail(member, error),
          )
        })
        return
      case 'stage':
        member.stage(output.snapshot).then(
          () => this.#push(member, { kind: 'staged', id: output.id }),
          error => this.#fail(member, error),
        )
        return
      case 'send':
        this.#send(member.id, output.to, output.message)
        return
      case 'respond':
        page.respond(output.id, output.response)
        return
      case 'notify':
        page.notify(output.id, output.notification)
        return
      case 'statusChanged':
        if (this.#phase.phase === 'open') {
          if (member === this.#phase.primary) {
            page.quorum = member.replica.hasQuorum
            this.#links.setConfiguration(member.replica.configuration)
          }
          this.#phase.orphans.follow()
        }
        this.#status.due()
        return
      case 'event':
        if (this.#phase.phase === 'open' && member === this.#phase.primary) this.#events.add(member.id, output.event)
        return
      case 'left':
        member.hasLeft = true
        this.#parting.openDoorIf(this.#members.values())
        return
      case 'removed':
        this.#removed(member)
        return
    }
  }

  #leave(): void {
    // Its leases are revoked ahead of the farewell, on the same channels.
    if (this.#phase.phase === 'open') this.#part('leaving', this.#phase.page.leave())
  }

  #part(why: 'freezing' | 'leaving', kept: Promise<void>): void {
    this.#pushToAll([this.#parting.begin(why, kept)])
    // They may have left before: frozen, and now closed.
    this.#parting.openDoorIf(this.#members.values())
  }

  /** Those that are lent a voice stay on their way out. */
  #wake(primary: HostedMember): void {
    this.#parting.wake()
    primary.hasLeft = false
    this.#push(primary, { kind: 'stay' })
  }

  #moveOut(member: HostedMember): void {
    this.#members.delete(member.id)
    this.#links.setMembers([...this.#members.keys()])
    if (this.#linked.get(member.id) === false) return
    for (const other of this.#members.values()) this.#push(other, { kind: 'peerDown', member: member.id })
  }

  #removed(member: HostedMember): void {
    if (this.#phase.phase !== 'open') return
    if (member.removal !== 'none') {
      member.removal = 'done'
      return
    }
    if (member !== this.#phase.primary) {
      this.#phase.orphans.removed(member)
      return
    }
    const { belonging, page } = this.#phase
    const message = 'the cluster removed this member while it was away'
    const { unanswered } = page
    this.#stop({ phase: 'failed', message })
    this.#members.delete(member.id)
    bequeath(belonging, member, unanswered).then(
      successor => this.#post({ type: 'failed', code: 'REMOVED', message, successor, unanswered: [] }),
      error => this.#post({ type: 'failed', ...failureOf(error), successor: null, unanswered }),
    )
  }

  #fail(member: HostedMember, error: unknown): void {
    if (this.#phase.phase !== 'open') return
    if (member !== this.#phase.primary) {
      this.#phase.orphans.failed(member)
      return
    }
    const { unanswered } = this.#phase.page
    const failure = failureOf(error)
    this.#stop({ phase: 'failed', message: failure.message })
    this.#post({ type: 'failed', ...failure, successor: member.id, unanswered })
  }

  #stop(phase: Exclude<Phase, Open>): void {
    this.#clock.stop()
    if (this.#phase.phase === 'open') this.#phase.orphans.stop()
    this.#turns.stop()
    this.#status.stop()
    this.#links.bye()
    this.#phase = phase
  }

  /** Returns how many members it told of. */
  #postStatus(): number {
    if (this.#phase.phase !== 'open') return 0
    const status = this.#statusOf(this.#phase)
    this.#post({ type: 'status', status })
    return status.replica.members.length
  }

  #statusOf({ primary }: Open): HostStatus {
    return {
      replica: primary.replica.status(),
      adopted: [...this.#members.keys()].filter(member => member !== primary.id),
      links: this.#links.status(),
    }
  }
}

export interface LinkHandlers {
  readonly onUp: (member: MemberId, viewer: boolean) => void
  readonly onDown: (member: MemberId) => void
  readonly onMessage: (from: MemberId, to: MemberId, message: PeerMessage, viewer: boolean) => void
  readonly onChange: () => void
}
