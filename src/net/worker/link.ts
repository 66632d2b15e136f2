import type { MemberId } from '../../raft/types.ts'
import type { PeerMessage, TabRole } from '../../replica/types.ts'
import type { LinkKind, LinkStatus } from '../../worker/protocol.ts'
import { decodeLinkFrame, encodeLinkFrame, type LinkFrame } from '../codec.ts'
import type { FromLinks, LinkId, ToLinks } from '../links-protocol.ts'
import type { PeerRecord, RoutedFrame } from '../routed.ts'
import { bridgedChannel, type Channel, type ChannelEvents, closedChannel, transferredChannel } from './channel.ts'
import { appendClass, Lane, type LaneClass, lowMarkBytes, snapshotClass, urgentClass, windowBytesMax } from './lane.ts'
import type { Precedence } from './precedence.ts'
import type { Relay } from './relay.ts'
import type { PeerTraffic } from './traffic.ts'

/** Raised when peers of two versions could not understand each other. */
const LINK_PROTOCOL = 2

/** A link that has said nothing for this long is down, whatever its channel claims: a worker that died leaves it open. */
export const silentMsMax = 3_000
/** Who has said nothing for this long when the pulse comes pings. What else there is to say proves as well that it is there. */
const quietMsMax = 500
/** How old a measured round trip may get on a link that is never quiet. */
const roundTripAgeMsMax = 10_000
/** A peer whose frames make no sense this often is given up. */
export const badFramesMax = 16

/** What is kept of a peer that speaks before this end is ready to hear; it is, as soon as the page has said who that is. */
const earlyMessagesMax = 256
export const earlyBytesMax = 8 * 1024 * 1024

export type DownReason = Extract<FromLinks, { type: 'down' }>['reason']

type State =
  /**
   * `members` once hello was heard, which an engine may deliver before it says that the channel is open, and either before the page
   * says who the peer is.
   */
  | { readonly phase: 'opening'; readonly members: readonly MemberId[] | null }
  | { readonly phase: 'up'; readonly members: readonly MemberId[] }
  | { readonly phase: 'down' }

export interface LinkEvents {
  onUp(): void
  /** The peer hosts other members than before. */
  onMembers(): void
  onRoundTrip(): void
  onMessage(from: MemberId, to: MemberId, message: PeerMessage): void
  /** False if it makes no sense here. */
  onRouted(frame: RoutedFrame): boolean
  onTopology(records: readonly PeerRecord[]): void
  onBadFrame(): void
  /** Once; not after `end` or `bye`. */
  onDown(reason: DownReason): void
}

export type Channels = Extract<ToLinks, { type: 'channels' }>

export interface LinkOptions {
  readonly channels: Channels
  /** The one there is, for a link that goes through it. */
  readonly relay: Relay | null
  /** Counted here. */
  readonly traffic: PeerTraffic
  /** This end's name and members, as hello tells them. */
  readonly self: { readonly peer: string; readonly members: readonly MemberId[] }
  readonly now: () => number
  readonly events: LinkEvents
}

type LaneName = 'raft' | 'bulk'

const lanes: Readonly<Record<LaneName, readonly LaneClass[]>> = {
  raft: [urgentClass],
  bulk: [appendClass, snapshotClass],
}

/** One connection to one peer: up once this end may send, knows the peer's role, and has heard its hello. */
export class Link {
  readonly id: LinkId
  readonly peer: string
  readonly kind: LinkKind
  readonly #traffic: PeerTraffic
  readonly #self: string
  readonly #now: () => number
  readonly #events: LinkEvents
  readonly #raft: Lane
  readonly #bulk: Lane
  #hosted: readonly MemberId[]
  #role: TabRole | null
  #state: State = { phase: 'opening', members: null }
  /** Lanes on which the peer has said bye. On the others there may still be what it said before. */
  readonly #farewells = new Set<LaneName>()
  /** When either channel last brought anything, from when the raft channel opened; null before. */
  #heardAt: number | null = null
  /** When the raft channel was last given something to carry. */
  #spokeAt = 0
  /** What came before the link was up. */
  #early: Extract<LinkFrame, { kind: 'routed' | 'topology' }>[] = []
  #earlyBytes = 0
  #badFrames = 0
  #ping = { nonce: 0, sentAt: 0 }
  #roundTrip: number | null = null

  constructor({ channels, relay, traffic, self, now, events }: LinkOptions) {
    this.id = channels.link
    this.peer = channels.peer
    this.kind = channels.kind
    this.#role = channels.kind === 'relay' ? channels.role : null
    this.#traffic = traffic
    this.#self = self.peer
    this.#hosted = self.members
    this.#now = now
    this.#events = events
    const openers = openersOf(channels, relay)
    const lane = (name: LaneName, onOpen: () => void) =>
      new Lane(lanes[name], openers[name], {
        onOpen,
        onFrame: bytes => {
          traffic.receivedBytes += bytes
          this.forgiveSilence()
        },
        onMessage: message => this.#received(name, message),
        onBadFrame: () => this.#bad(),
        onSent: bytes => {
          traffic.sentBytes += bytes
          this.#spokeAt = this.#now()
        },
        onClosed: () => this.#over(name),
      })
    this.#raft = lane('raft', () => this.#opened())
    this.#bulk = lane('bulk', () => {})
  }

  /** Null until the page has said it. */
  get role(): TabRole | null {
    return this.#role
  }

  setRole(role: TabRole): void {
    this.#role = role
    this.#becomeUpIfReady()
  }

  get members(): readonly MemberId[] {
    return this.#state.phase === 'up' ? this.#state.members : []
  }

  get up(): boolean {
    return this.#state.phase === 'up'
  }

  get status(): LinkStatus {
    const [urgent = 0] = this.#raft.queuedBytes
    const [append = 0, snapshot = 0] = this.#bulk.queuedBytes
    const { sentBytes, receivedBytes, dropped, reconnects } = this.#traffic
    return {
      peer: this.peer,
      kind: this.kind,
      role: this.#role,
      state: this.up ? 'up' : 'opening',
      members: this.members,
      roundTrip: this.#roundTrip,
      queuedBytes: { urgent, append, snapshot },
      peerTotals: { sentBytes, receivedBytes, dropped, reconnects },
    }
  }

  /** Queues a message for the next `flush`; false when it had to be dropped. */
  send(bytes: Uint8Array, precedence: Precedence): boolean {
    const taken =
      precedence === 'urgent' ? this.#raft.add(bytes) : this.#bulk.add(bytes, precedence === 'append' ? 0 : 1)
    if (!taken) this.#traffic.dropped++
    return taken
  }

  flush(): void {
    this.#raft.flush()
    this.#bulk.flush()
  }

  setHosted(members: readonly MemberId[]): void {
    this.#hosted = members
    if (this.#heardAt !== null) this.#hello()
  }

  /** The owner's steady pulse: notices silence, and breaks its own. An answer is one word, too, so of two quiet ends one pings. */
  pulse(): void {
    if (this.#heardAt === null) return
    const now = this.#now()
    if (now - this.#heardAt > silentMsMax) {
      this.#down(this.#farewells.size > 0 ? 'bye' : 'silent')
      return
    }
    if (now - this.#spokeAt < quietMsMax && now - this.#ping.sentAt < roundTripAgeMsMax) return
    this.#ping = { nonce: this.#ping.nonce + 1, sentAt: now }
    this.#sendNow({ kind: 'ping', nonce: this.#ping.nonce })
  }

  /** Silence counts from now: something was heard, or this end was in no state to hear. */
  forgiveSilence(): void {
    if (this.#heardAt !== null) this.#heardAt = this.#now()
  }

  /**
   * Tells the peer that this end goes away on purpose, on each lane behind all that is on its way there, and ends. Resolves when the peer
   * has heard it, or has gone; at once where nothing tells.
   */
  async bye(): Promise<void> {
    this.#becomeDown()
    const bye = encodeLinkFrame({ kind: 'bye' })
    await Promise.all([this.#raft.closeWith(bye), this.#bulk.closeWith(bye)])
  }

  end(): void {
    this.#becomeDown()
    this.#raft.close()
    this.#bulk.close()
  }

  #becomeDown(): void {
    if (this.up) this.#traffic.wentDown()
    this.#early = []
    this.#state = { phase: 'down' }
  }

  #opened(): void {
    this.#heardAt = this.#now()
    this.#hello()
    this.#becomeUpIfReady()
  }

  #becomeUpIfReady(): void {
    if (this.#state.phase !== 'opening' || this.#state.members === null) return
    if (this.#heardAt === null || this.#role === null) return
    this.#state = { phase: 'up', members: this.#state.members }
    this.#traffic.cameUp()
    this.#events.onUp()
    for (const frame of this.#early.splice(0)) if (this.up) this.#passOn(frame)
  }

  #received(lane: LaneName, bytes: Uint8Array): void {
    if (this.#state.phase === 'down') return
    const frame = decodeLinkFrame(bytes)
    if (frame.ok) this.#handle(lane, frame.value, bytes.length)
    else this.#bad()
  }

  #handle(lane: LaneName, frame: LinkFrame, bytes: number): void {
    switch (frame.kind) {
      case 'hello':
        this.#heardHello(frame.protocol, frame.peer, frame.members)
        break
      case 'ping':
        this.#sendNow({ kind: 'pong', nonce: frame.nonce })
        break
      case 'pong':
        if (frame.nonce !== this.#ping.nonce) return
        this.#roundTrip = this.#now() - this.#ping.sentAt
        this.#events.onRoundTrip()
        break
      case 'bye':
        this.#farewells.add(lane)
        if (this.#farewells.size === 2) this.#down('bye')
        break
      case 'peer':
        // What is heard before it is known from whom is lost.
        if (this.#role !== null) this.#events.onMessage(frame.from, frame.to, frame.message)
        break
      case 'routed':
      case 'topology':
        if (this.up) this.#passOn(frame)
        else this.#keepForLater(frame, bytes)
        break
    }
  }

  #passOn(frame: Extract<LinkFrame, { kind: 'routed' | 'topology' }>): void {
    if (frame.kind === 'topology') this.#events.onTopology(frame.records)
    else if (!this.#events.onRouted(frame)) this.#bad()
  }

  /** The other end may be up before this one, and says what it knows once. */
  #keepForLater(frame: Extract<LinkFrame, { kind: 'routed' | 'topology' }>, bytes: number): void {
    this.#earlyBytes += bytes
    if (this.#early.length >= earlyMessagesMax || this.#earlyBytes > earlyBytesMax) this.#down('protocol')
    else this.#early.push(frame)
  }

  #heardHello(protocol: number, peer: string, members: readonly MemberId[]): void {
    if (protocol !== LINK_PROTOCOL || peer !== this.peer) {
      this.#down('protocol')
    } else if (this.#state.phase === 'up') {
      this.#state = { phase: 'up', members }
      this.#events.onMembers()
    } else {
      this.#state = { phase: 'opening', members }
      this.#becomeUpIfReady()
    }
  }

  #hello(): void {
    this.#sendNow({ kind: 'hello', protocol: LINK_PROTOCOL, peer: this.#self, members: this.#hosted })
  }

  #sendNow(frame: LinkFrame): void {
    this.#raft.add(encodeLinkFrame(frame))
    this.#raft.flush()
  }

  /** A channel closes when all that was sent on it has come. */
  #over(lane: LaneName): void {
    if (this.#farewells.size === 0) {
      this.#down('closed')
      return
    }
    this.#farewells.add(lane)
    if (this.#farewells.size === 2) this.#down('bye')
  }

  #bad(): void {
    if (this.#state.phase === 'down') return
    this.#badFrames++
    this.#events.onBadFrame()
    if (this.#badFrames >= badFramesMax) this.#down('protocol')
  }

  #down(reason: DownReason): void {
    if (this.#state.phase === 'down') return
    this.end()
    this.#events.onDown(reason)
  }
}

type Opener = (events: ChannelEvents) => Channel

function openersOf(channels: Channels, relay: Relay | null): Readonly<Record<LaneName, Opener>> {
  const limits = { windowBytesMax, lowMarkBytes }
  if (channels.kind === 'webrtc') {
    const { raft, bulk } = channels
    return {
      raft: events => transferredChannel(raft, limits, events),
      bulk: events => transferredChannel(bulk, limits, events),
    }
  }
  if (channels.kind === 'relay') {
    const path = relay?.open(channels.to, channels)
    return {
      raft: events => path?.channel('raft', events) ?? closedChannel(events),
      bulk: events => path?.channel('bulk', events) ?? closedChannel(events),
    }
  }
  const { raft, bulk } = channels
  return {
    raft: events => bridgedChannel(raft, limits, events),
    bulk: events => bridgedChannel(bulk, limits, events),
  }
}
