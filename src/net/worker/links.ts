import { type ConfState, type MemberId, votersOf } from '../../raft/types.ts'
import type { PeerMessage } from '../../replica/types.ts'
import type { LinkStatus } from '../../worker/protocol.ts'
import type { FromLinks, LinkId, ToLinks } from '../links-protocol.ts'
import { Flood } from './flood.ts'
import { type Channels, type DownReason, Link } from './link.ts'
import type { Precedence } from './precedence.ts'
import { Relay, type RelaySocket } from './relay.ts'
import { Router, type RouterCounters } from './router.ts'
import { Topology } from './topology.ts'
import { Traffic } from './traffic.ts'
import { type LinkPlan, linksMax, planLinks, viewPeers } from './wanted.ts'

/** Often enough that three in a row tell a dead peer from a slow one within `silentMsMax`. */
export const pulseIntervalMs = 1_000

/** A link that is not needed is ended when that has been so for this long: what others say of themselves takes its time. */
export const surplusMs = 5_000

/** The worker's end of the port to the page's mesh. A MessagePort is one. */
export interface LinksPort {
  postMessage(message: FromLinks): void
  addEventListener(type: 'message', listener: (event: MessageEvent<ToLinks>) => void): void
  start(): void
}

export interface LinksClock {
  /** Milliseconds, never going back. */
  now(): number
  /** Calls `callback` every `ms` until the function returned is called. */
  every(ms: number, callback: () => void): () => void
}

export interface LinksOptions {
  /** This tab's random name. */
  readonly peer: string
  readonly port: LinksPort
  readonly clock: LinksClock
  /** To the signaling server, as a relay. May throw. */
  readonly connect?: (url: string) => RelaySocket
  /** A member elsewhere can be reached from now on, over a link or by way of others. `viewer`: a viewer says that it speaks for it. */
  onUp(member: MemberId, viewer: boolean): void
  /** It no longer can. */
  onDown(member: MemberId): void
  /** For a member hosted here. Byte fields are views of what arrived. `viewer`: it came from a viewer, whatever it says of itself. */
  onMessage(from: MemberId, to: MemberId, message: PeerMessage, viewer: boolean): void
  /** `status()` would answer differently. */
  onChange(): void
}

/** Messages that were lost here, since the start. */
export interface LinksCounters extends Readonly<RouterCounters> {
  readonly badFrames: number
}

/**
 * The worker half of the network: owns the channels the page's mesh hands over, and knows which member is behind which, and by way of
 * whom. What it is given to send may be lost, and arrives at most once otherwise; in order, unless the way changes meanwhile.
 */
export class Links {
  readonly #options: LinksOptions
  readonly #links = new Map<LinkId, Link>()
  readonly #traffic = new Traffic()
  #relay: Relay | null = null
  readonly #topology: Topology
  readonly #router: Router
  readonly #flood: Flood
  /** Links that are up, by their peers. */
  readonly #up = new Map<string, Link>()
  /** That were given something to send since they were last flushed. */
  readonly #given = new Set<Link>()
  /** The members in reach, and with which peer. */
  #reach: ReadonlyMap<MemberId, string> = new Map()
  #hosted: readonly MemberId[] = []
  #confState: ConfState | null = null
  #voters: ReadonlySet<MemberId> = new Set()
  #ended = false
  readonly #stopPulse: () => void
  #pulsedAt: number
  /** A round trip was measured since the last pulse. With many links there is always one, so they are told of together. */
  #measured = false
  #badFrames = 0
  #wanted: LinkPlan['wanted'] = 'all'
  /** Links that are not needed, by their peers, and since when. */
  readonly #surplus = new Map<string, number>()
  /** Peers with which no link is to be, for tests. */
  readonly #cut = new Set<string>()

  constructor(options: LinksOptions) {
    this.#options = options
    this.#topology = new Topology(options.peer)
    const after = (ms: number, callback: () => void) => this.#after(ms, callback)
    this.#router = new Router({
      topology: this.#topology,
      votes: member => this.#voters.has(member),
      transmit: (peer, frame, precedence) => this.#transmit(peer, frame, precedence),
      deliver: (from, to, message, viewer) => options.onMessage(from, to, message, viewer),
      after,
    })
    this.#flood = new Flood({
      topology: this.#topology,
      transmit: (peer, frame) => this.#transmit(peer, frame, 'urgent'),
      after,
    })
    this.#pulsedAt = options.clock.now()
    this.#stopPulse = options.clock.every(pulseIntervalMs, () => this.#pulse())
    options.port.addEventListener('message', event => this.#heardFromPage(event.data))
    options.port.start()
  }

  get counters(): LinksCounters {
    return { ...this.#router.counters, badFrames: this.#badFrames }
  }

  /** Frames passed on for others since the start, each once for each link it left on. */
  get forwarded(): number {
    return this.#router.forwarded
  }

  status(): LinkStatus[] {
    return [...this.#links.values()].map(link => ({
      ...link.status,
      // Of two who claim a member only one has it.
      members: link.members.filter(member => this.#topology.homeOf(member) === link.peer),
    }))
  }

  /** The members this tab hosts, all of them: told to every peer. */
  setMembers(members: readonly MemberId[]): void {
    this.#hosted = [...members]
    this.#topology.host(this.#hosted)
    for (const link of this.#links.values()) link.setHosted(this.#hosted)
    this.#changed()
  }

  /** Who votes, by the newest configuration known here. */
  setConfiguration(confState: ConfState): void {
    if (confState === this.#confState) return
    this.#confState = confState
    this.#voters = votersOf(confState)
  }

  /** Loses the link with that peer, and each that is made anew, until `mend`: as if nothing got through between the two. */
  cut(peer: string): void {
    this.#cut.add(peer)
    for (const link of [...this.#links.values()]) if (link.peer === peer) this.#give(link, 'silent')
  }

  mend(peer: string): void {
    this.#cut.delete(peer)
  }

  /** Queues a message until `flush`. False when it was dropped at once. */
  send(from: MemberId, to: MemberId, message: PeerMessage): boolean {
    return this.#router.send(from, to, message)
  }

  /** The end of a turn: what it sent to one peer leaves in as few frames as it takes. */
  flush(): void {
    this.#router.flush()
    this.#flushGiven()
  }

  /**
   * The tab goes away: tells every peer and ends all links, for good. No event follows. Resolves when all have heard it, of those that let
   * it be known; one that does not answer keeps it waiting.
   */
  async bye(): Promise<void> {
    this.#ended = true
    this.#stopPulse()
    this.#router.flush()
    const heard = Promise.all([...this.#links.values()].map(link => link.bye()))
    this.#relay?.end()
    this.#links.clear()
    this.#up.clear()
    this.#given.clear()
    this.#reach = new Map()
    await heard
  }

  #heardFromPage(message: ToLinks): void {
    switch (message.type) {
      case 'channels':
        this.#add(message)
        break
      case 'relay':
        this.#relay?.end()
        if (!this.#ended) this.#relay = this.#openRelay(message)
        break
      case 'relayOver':
        this.#relay?.end()
        this.#relay = null
        break
      case 'role':
        this.#links.get(message.link)?.setRole(message.role)
        break
      case 'closed': {
        const link = this.#links.get(message.link)
        if (link === undefined) return
        link.end()
        this.#remove(link, 'closed')
        break
      }
    }
  }

  #openRelay({ url, room, ticket }: Extract<ToLinks, { type: 'relay' }>): Relay {
    const { clock, connect = url => new WebSocket(url) } = this.#options
    return new Relay({
      ...{ url, room, ticket, connect },
      every: (ms, callback) => clock.every(ms, callback),
      onAddress: address => this.#tell({ type: 'relayAddress', address }),
      onStray: () => {
        this.#badFrames++
      },
    })
  }

  #add(channels: Channels): void {
    const link: Link = new Link({
      channels,
      relay: this.#relay,
      traffic: this.#traffic.of(channels.peer),
      self: { peer: this.#options.peer, members: this.#hosted },
      now: () => this.#options.clock.now(),
      events: {
        onUp: () => this.#cameUp(link),
        onMembers: () => this.#claimed(link),
        onRoundTrip: () => {
          this.#measured = true
        },
        onMessage: (from, to, message) => this.#deliver(link, from, to, message),
        onRouted: frame => {
          const makesSense = this.#router.receive(link.peer, frame)
          this.#flushGiven()
          return makesSense
        },
        onTopology: records => {
          if (this.#flood.receive(link.peer, records)) this.#reroute()
          this.#flushGiven()
        },
        onBadFrame: () => {
          this.#badFrames++
        },
        onDown: reason => this.#down(link, reason),
      },
    })
    if (this.#ended) {
      link.end()
      return
    }
    this.#links.set(link.id, link)
    if (this.#cut.has(link.peer)) this.#give(link, 'silent')
    this.#options.onChange()
  }

  /** Ends a link. */
  #give(link: Link, reason: DownReason): void {
    link.end()
    this.#down(link, reason)
  }

  #cameUp(link: Link): void {
    const other = this.#up.get(link.peer)
    if (link.kind === 'relay' && other !== undefined && other.kind !== 'relay') {
      // The direct link came just before, and the page has not heard of it yet. Should it be dead, its silence says so.
      this.#give(link, 'closed')
      return
    }
    if (other !== undefined) {
      // The peer is the same tab, so it has dialed anew because the other link failed it.
      other.end()
      this.#links.delete(other.id)
      this.#given.delete(other)
      this.#tell({ type: 'down', link: other.id, reason: 'closed' })
    }
    this.#up.set(link.peer, link)
    this.#router.linked(link.peer)
    this.#tell({ type: 'up', link: link.id })
    this.#claimed(link)
    this.#flood.linked(link.peer)
    this.#flushGiven()
  }

  #claimed(link: Link): void {
    this.#topology.link(link.peer, link.role === 'viewer', link.members)
    this.#changed()
    this.#options.onChange()
  }

  #down(link: Link, reason: DownReason): void {
    this.#tell({ type: 'down', link: link.id, reason })
    this.#remove(link, reason)
  }

  #remove(link: Link, reason: DownReason): void {
    this.#links.delete(link.id)
    this.#given.delete(link)
    if (this.#up.get(link.peer) === link) {
      this.#up.delete(link.peer)
      this.#flood.unlinked(link.peer)
      if (reason === 'bye') this.#topology.depart(link.peer)
      else this.#topology.unlink(link.peer)
      this.#changed()
    }
    this.#options.onChange()
  }

  /** What this tab says of itself is another thing than before. */
  #changed(): void {
    this.#flood.pour()
    this.#reroute()
    this.#flushGiven()
  }

  /**
   * Tells of members that came into reach or went out of it. One that has moved to another tab did both: what was on its way to it is
   * lost, and it remembers nothing but its log. One to which the way has changed did neither.
   */
  #reroute(): void {
    const before = this.#reach
    const reach = this.#topology.reach
    this.#reach = reach
    const isNew = (member: MemberId) => before.get(member) !== reach.get(member)
    for (const member of before.keys()) if (isNew(member)) this.#options.onDown(member)
    for (const [member, home] of reach) if (isNew(member)) this.#options.onUp(member, this.#topology.isViewer(home))
  }

  #deliver(link: Link, from: MemberId, to: MemberId, message: PeerMessage): void {
    const viewer = link.role === 'viewer'
    // It speaks for its own members, and not for another viewer's either.
    if (viewer && this.#topology.homeOf(from) !== link.peer) this.#router.counters.refused++
    else if (this.#hosted.includes(to)) this.#options.onMessage(from, to, message, viewer)
    else this.#router.counters.misdirected++
  }

  #transmit(peer: string, frame: Uint8Array<ArrayBuffer>, precedence: Precedence): boolean {
    const link = this.#up.get(peer)
    if (link === undefined) return false
    this.#given.add(link)
    return link.send(frame, precedence)
  }

  #flushGiven(): void {
    for (const link of this.#given) link.flush()
    this.#given.clear()
  }

  #after(ms: number, callback: () => void): void {
    const stop = this.#options.clock.every(ms, () => {
      stop()
      if (this.#ended) return
      callback()
      this.#flushGiven()
    })
  }

  #pulse(): void {
    const now = this.#options.clock.now()
    const late = now - this.#pulsedAt > 2 * pulseIntervalMs
    this.#pulsedAt = now
    for (const link of [...this.#links.values()]) {
      // This worker was frozen or starved: what its peers said meanwhile is still waiting to be read.
      if (late) link.forgiveSilence()
      link.pulse()
    }
    this.#topology.prune(now)
    this.#plan(now)
    if (!this.#measured) return
    this.#measured = false
    this.#options.onChange()
  }

  /** Decides anew whom this tab is to be linked to. */
  #plan(now: number): void {
    const votes = (member: MemberId) => this.#voters.has(member)
    const self = { peer: this.#options.peer, votes: this.#hosted.some(votes) }
    const before = new Set(this.#wanted === 'all' ? [] : this.#wanted)
    const { wanted, surplus } = planLinks(self, viewPeers(this.#topology, votes), before)
    if (String(wanted) !== String(this.#wanted)) {
      this.#wanted = wanted
      this.#topology.want(wanted)
      this.#tell({ type: 'wanted', peers: wanted, linksMax })
      this.#changed()
    }
    for (const peer of this.#surplus.keys()) if (!surplus.includes(peer)) this.#surplus.delete(peer)
    for (const peer of surplus) {
      const since = this.#surplus.get(peer) ?? now
      this.#surplus.set(peer, since)
      const link = this.#up.get(peer)
      if (now - since >= surplusMs && link !== undefined) this.#give(link, 'surplus')
    }
  }

  #tell(message: FromLinks): void {
    this.#options.port.postMessage(message)
  }
}
