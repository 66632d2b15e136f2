import type { MemberId } from '../../raft/types.ts'
import type { PeerMessage } from '../../replica/types.ts'
import type { LinkKind, LinkStatus } from '../../worker/protocol.ts'
import { decodeLinkFrame, encodeLinkFrame, encodePeerMessage, type LinkFrame } from '../codec.ts'
import type { FromLinks, LinkId, ToLinks } from '../links-protocol.ts'
import { bridgedChannel, type Channel, type ChannelEvents, transferredChannel } from './channel.ts'
import { Lane, lowMarkBytes } from './lane.ts'

/** Raised when peers of two versions could not understand each other. */
const LINK_PROTOCOL = 1

/** A link that has said nothing for this long is down, whatever its channel claims: a worker that died leaves it open. */
export const silentMsMax = 3_000
/** Who has said nothing for this long when the pulse comes pings. What else there is to say proves as well that it is there. */
const quietMsMax = 500
/** How old a measured round trip may get on a link that is never quiet. */
const roundTripAgeMsMax = 10_000
/** A peer whose frames make no sense this often is given up. */
export const badFramesMax = 16

export type DownReason = Extract<FromLinks, { type: 'down' }>['reason']

type State =
  /** `members` once hello was heard, which an engine may deliver before it says that the channel is open. */
  | { readonly phase: 'opening'; readonly members: readonly MemberId[] | null }
  | { readonly phase: 'up'; readonly members: readonly MemberId[] }
  | { readonly phase: 'down' }

export interface LinkEvents {
  onUp(): void
  /** The peer hosts other members than before. */
  onMembers(): void
  onRoundTrip(): void
  onMessage(from: MemberId, to: MemberId, message: PeerMessage): void
  onBadFrame(): void
  /** Once; not after `end` or `bye`. */
  onDown(reason: DownReason): void
}

export interface LinkOptions {
  readonly channels: Extract<ToLinks, { type: 'channels' }>
  /** This end's name and members, as hello tells them. */
  readonly self: { readonly peer: string; readonly members: readonly MemberId[] }
  readonly now: () => number
  readonly events: LinkEvents
}

/** One connection to one peer: up once this end may send and has heard the other's hello. */
export class Link {
  readonly id: LinkId
  readonly peer: string
  readonly #kind: LinkKind
  readonly #self: string
  readonly #now: () => number
  readonly #events: LinkEvents
  readonly #raft: Lane
  readonly #bulk: Lane
  #hosted: readonly MemberId[]
  #state: State = { phase: 'opening', members: null }
  /** When either channel last brought anything, from when the raft channel opened; null before. */
  #heardAt: number | null = null
  /** When the raft channel was last given something to carry. */
  #spokeAt = 0
  #badFrames = 0
  #ping = { nonce: 0, sentAt: 0 }
  #roundTrip: number | null = null

  constructor({ channels, self, now, events }: LinkOptions) {
    this.id = channels.link
    this.peer = channels.peer
    this.#kind = channels.kind
    this.#self = self.peer
    this.#hosted = self.members
    this.#now = now
    this.#events = events
    const { raft, bulk } = opener(channels)
    const lane = (open: (events: ChannelEvents) => Channel, onOpen: () => void) =>
      new Lane(open, {
        onOpen,
        onFrame: () => this.forgiveSilence(),
        onMessage: message => this.#received(message),
        onBadFrame: () => this.#bad(),
        onClosed: () => this.#down('closed'),
      })
    this.#raft = lane(raft, () => this.#opened())
    this.#bulk = lane(bulk, () => {})
  }

  get members(): readonly MemberId[] {
    return this.#state.phase === 'up' ? this.#state.members : []
  }

  get up(): boolean {
    return this.#state.phase === 'up'
  }

  get status(): LinkStatus {
    return {
      peer: this.peer,
      kind: this.#kind,
      state: this.up ? 'up' : 'opening',
      members: this.members,
      roundTrip: this.#roundTrip,
    }
  }

  /** Queues a message for the next `flush`; false when it had to be dropped. Snapshots take their own way. */
  send(from: MemberId, to: MemberId, message: PeerMessage): boolean {
    const lane = message.kind === 'snapshotChunk' ? this.#bulk : this.#raft
    const taken = lane.add(encodePeerMessage(from, to, message))
    if (taken && lane === this.#raft) this.#spokeAt = this.#now()
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

  /** Others speak for these members by now, if this peer ever did. */
  disown(members: readonly MemberId[]): void {
    if (this.#state.phase !== 'up') return
    const own = this.#state.members.filter(member => !members.includes(member))
    this.#state = { phase: 'up', members: own }
  }

  /** The owner's steady pulse: notices silence, and breaks its own. An answer is one word, too, so of two quiet ends one pings. */
  pulse(): void {
    if (this.#heardAt === null) return
    const now = this.#now()
    if (now - this.#heardAt > silentMsMax) {
      this.#down('silent')
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

  /** Tells the peer that this end goes away on purpose, and ends. */
  bye(): void {
    this.#state = { phase: 'down' }
    this.#raft.closeWith(encodeLinkFrame({ kind: 'bye' }))
    this.#bulk.close()
  }

  end(): void {
    this.#state = { phase: 'down' }
    this.#raft.close()
    this.#bulk.close()
  }

  #opened(): void {
    this.#heardAt = this.#now()
    this.#hello()
    if (this.#state.phase === 'opening' && this.#state.members !== null) this.#becomeUp(this.#state.members)
  }

  #becomeUp(members: readonly MemberId[]): void {
    this.#state = { phase: 'up', members }
    this.#events.onUp()
  }

  #received(bytes: Uint8Array): void {
    if (this.#state.phase === 'down') return
    const frame = decodeLinkFrame(bytes)
    if (frame.ok) this.#handle(frame.value)
    else this.#bad()
  }

  #handle(frame: LinkFrame): void {
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
        this.#down('bye')
        break
      case 'peer':
        this.#events.onMessage(frame.from, frame.to, frame.message)
        break
    }
  }

  #heardHello(protocol: number, peer: string, members: readonly MemberId[]): void {
    if (protocol !== LINK_PROTOCOL || peer !== this.peer) {
      this.#down('protocol')
    } else if (this.#state.phase === 'up') {
      this.#state = { phase: 'up', members }
      this.#events.onMembers()
    } else if (this.#heardAt !== null) {
      this.#becomeUp(members)
    } else {
      this.#state = { phase: 'opening', members }
    }
  }

  #hello(): void {
    this.#sendNow({ kind: 'hello', protocol: LINK_PROTOCOL, peer: this.#self, members: this.#hosted })
  }

  #sendNow(frame: LinkFrame): void {
    this.#raft.add(encodeLinkFrame(frame))
    this.#raft.flush()
    this.#spokeAt = this.#now()
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

function opener(channels: Extract<ToLinks, { type: 'channels' }>): { raft: Opener; bulk: Opener } {
  if (channels.kind === 'webrtc') {
    const { raft, bulk } = channels
    return {
      raft: events => transferredChannel(raft, lowMarkBytes, events),
      bulk: events => transferredChannel(bulk, lowMarkBytes, events),
    }
  }
  // No page asks for one yet.
  if (channels.kind === 'relay') throw new Error('no relay')
  const { raft, bulk } = channels
  return {
    raft: events => bridgedChannel(raft, lowMarkBytes, events),
    bulk: events => bridgedChannel(bulk, lowMarkBytes, events),
  }
}
