import type { MemberId } from '../../raft/types.ts'
import type { PeerMessage } from '../../replica/types.ts'
import type { LinkStatus } from '../../worker/protocol.ts'
import type { FromLinks, LinkId, ToLinks } from '../links-protocol.ts'
import { type Channels, type DownReason, Link } from './link.ts'
import { Relay, type RelaySocket } from './relay.ts'
import { Traffic } from './traffic.ts'

/** Often enough that three in a row tell a dead peer from a slow one within `silentMsMax`. */
export const pulseIntervalMs = 1_000

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
  /** A member elsewhere can be reached from now on. */
  onUp(member: MemberId): void
  /** It no longer can. */
  onDown(member: MemberId): void
  /** For a member hosted here. Byte fields are views of what arrived. */
  onMessage(from: MemberId, to: MemberId, message: PeerMessage): void
  /** `status()` would answer differently. */
  onChange(): void
}

/** What was lost on the way, since the start. */
export interface LinksCounters {
  /** To send, to a member that nobody we are linked to hosts. */
  readonly unreachable: number
  /** To send, when too much was waiting already. */
  readonly overflowed: number
  /** Received for a member that is not hosted here. */
  readonly misdirected: number
  readonly badFrames: number
}

/**
 * The worker half of the network: owns the channels the page's mesh hands over, and knows which member is behind which. What
 * it is given to send may be lost, and arrives at most once and in order otherwise.
 */
export class Links {
  readonly #options: LinksOptions
  readonly #links = new Map<LinkId, Link>()
  readonly #traffic = new Traffic()
  #relay: Relay | null = null
  #routes: ReadonlyMap<MemberId, Link> = new Map()
  #hosted: readonly MemberId[] = []
  #ended = false
  readonly #stopPulse: () => void
  #pulsedAt: number
  /** A round trip was measured since the last pulse. With many links there is always one, so they are told of together. */
  #measured = false
  readonly #counters = { unreachable: 0, overflowed: 0, misdirected: 0, badFrames: 0 }

  constructor(options: LinksOptions) {
    this.#options = options
    this.#pulsedAt = options.clock.now()
    this.#stopPulse = options.clock.every(pulseIntervalMs, () => this.#pulse())
    options.port.addEventListener('message', event => this.#heardFromPage(event.data))
    options.port.start()
  }

  get counters(): LinksCounters {
    return this.#counters
  }

  status(): LinkStatus[] {
    return [...this.#links.values()].map(link => link.status)
  }

  /** The members this tab hosts, all of them: told to every peer. */
  setMembers(members: readonly MemberId[]): void {
    this.#hosted = [...members]
    for (const link of this.#links.values()) {
      link.setHosted(this.#hosted)
      link.disown(this.#hosted)
    }
    this.#reroute()
  }

  /** Queues a message until `flush`. False when it was dropped at once, which for a snapshot its sender wants to know. */
  send(from: MemberId, to: MemberId, message: PeerMessage): boolean {
    const link = this.#routes.get(to)
    if (link === undefined) {
      this.#counters.unreachable++
      return false
    }
    const taken = link.send(from, to, message)
    if (!taken) this.#counters.overflowed++
    return taken
  }

  /** The end of a turn: what it sent to one peer leaves in as few frames as it takes. */
  flush(): void {
    for (const link of this.#links.values()) link.flush()
  }

  /** The tab goes away: tells every peer and ends all links, for good. No event follows. */
  bye(): void {
    this.#ended = true
    this.#stopPulse()
    for (const link of this.#links.values()) link.bye()
    this.#relay?.end()
    this.#links.clear()
    this.#routes = new Map()
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
        this.#remove(link)
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
        this.#counters.badFrames++
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
        onUp: () => this.#up(link),
        onMembers: () => this.#claimed(link),
        onRoundTrip: () => {
          this.#measured = true
        },
        onMessage: (from, to, message) => this.#deliver(from, to, message),
        onBadFrame: () => {
          this.#counters.badFrames++
        },
        onDown: reason => this.#down(link, reason),
      },
    })
    if (this.#ended) {
      link.end()
      return
    }
    this.#links.set(link.id, link)
    this.#options.onChange()
  }

  #up(link: Link): void {
    for (const other of [...this.#links.values()]) {
      // The peer is the same tab, so it has dialed anew because the other link failed it.
      if (other === link || other.peer !== link.peer || !other.up) continue
      other.end()
      this.#links.delete(other.id)
      this.#tell({ type: 'down', link: other.id, reason: 'closed' })
    }
    this.#tell({ type: 'up', link: link.id })
    this.#claimed(link)
  }

  /** One lock, one voice: of two who claim a member the later is right, and the earlier has come to its end, heard of or not. */
  #claimed(link: Link): void {
    link.disown(this.#hosted)
    for (const other of this.#links.values()) if (other !== link) other.disown(link.members)
    this.#reroute()
    this.#options.onChange()
  }

  #down(link: Link, reason: DownReason): void {
    this.#tell({ type: 'down', link: link.id, reason })
    this.#remove(link)
  }

  #remove(link: Link): void {
    this.#links.delete(link.id)
    this.#reroute()
    this.#options.onChange()
  }

  /**
   * Works out anew who is behind which link, and tells of members that came into reach or went out of it. One that has moved to another
   * tab did both: what was on its way to it is lost, and it remembers nothing but its log.
   */
  #reroute(): void {
    const before = this.#routes
    const routes = new Map<MemberId, Link>()
    for (const link of this.#links.values()) for (const member of link.members) routes.set(member, link)
    this.#routes = routes
    const isNew = (member: MemberId) => before.get(member)?.peer !== routes.get(member)?.peer
    for (const member of before.keys()) if (isNew(member)) this.#options.onDown(member)
    for (const member of routes.keys()) if (isNew(member)) this.#options.onUp(member)
  }

  #deliver(from: MemberId, to: MemberId, message: PeerMessage): void {
    if (this.#hosted.includes(to)) this.#options.onMessage(from, to, message)
    else this.#counters.misdirected++
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
    if (!this.#measured) return
    this.#measured = false
    this.#options.onChange()
  }

  #tell(message: FromLinks): void {
    this.#options.port.postMessage(message)
  }
}
