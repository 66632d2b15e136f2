import { equalBytes, Scratch } from '../../binary/bytes.ts'
import { type MemberId, NONE } from '../../raft/types.ts'
import type { PeerMessage } from '../../replica/types.ts'
import { decodeLinkFrame, encodeLinkFrame, encodePeerMessage, isAcknowledgement } from '../codec.ts'
import { hopsMax, type RoutedFrame } from '../routed.ts'
import { Acknowledgements, acknowledgeMs, fewMembers } from './acknowledgements.ts'
import { isAlike } from './alike.ts'
import { SetsHeard, SetsSent } from './member-sets.ts'
import { type Precedence, precedenceOf } from './precedence.ts'
import type { Topology } from './topology.ts'

/** How long acknowledgements that are passed on wait for others that say the same. Nobody's commit waits for a learner. */
export const mergeMs = 10
/** Acknowledgements that differ and wait at a time; with one more all are passed on. */
export const heldMax = 256
/** A turn that sends more payload hands over what there is: from then on the links' own bounds count. */
const pendingBytesMax = 1024 * 1024
/** Most messages are smaller; for a large one its own memory is not what costs. */
const scratchBytes = 16 * 1024
/** How many messages of a turn a new one is compared with; those that are alike come close together. */
const alikeMax = 8

export interface RouterOptions {
  readonly topology: Topology
  /** Members that vote: what they acknowledge is not held up. */
  readonly votes: (member: MemberId) => boolean
  /** Gives a frame to the link with that peer, which copies it. False when it is dropped. */
  readonly transmit: (peer: string, frame: Uint8Array<ArrayBuffer>, precedence: Precedence) => boolean
  /** For a member hosted here. */
  readonly deliver: (from: MemberId, to: MemberId, message: PeerMessage, viewer: boolean) => void
  /** Calls back once, after so many milliseconds. */
  readonly after: (ms: number, callback: () => void) => void
}

export interface RouterCounters {
  /** To send or to pass on, to a member to whom no way is known. */
  unreachable: number
  /** To send or to pass on, when too much was waiting already. */
  overflowed: number
  /** Received for a member that is not hosted here, and not to be passed on. */
  misdirected: number
  /** Received in the name of somebody else's member, or with an inside that makes no sense. */
  refused: number
}

interface Batch {
  readonly from: MemberId
  readonly message: PeerMessage
  readonly precedence: Precedence
  /** By the first hop. */
  readonly destinations: Map<string, MemberId[]>
}

interface Held {
  readonly origins: Set<MemberId>
  readonly to: MemberId
  readonly frame: RoutedFrame
  readonly via: string
}

/** What one link remembers, of each precedence by itself, since their order among each other is not kept. */
class LinkSets {
  readonly origins = new Map<Precedence, { sent: SetsSent; heard: SetsHeard }>()
  readonly destinations = new Map<Precedence, { sent: SetsSent; heard: SetsHeard }>()

  static of(sets: Map<Precedence, { sent: SetsSent; heard: SetsHeard }>, precedence: Precedence) {
    let pair = sets.get(precedence)
    if (pair === undefined) {
      pair = { sent: new SetsSent(), heard: new SetsHeard() }
      sets.set(precedence, pair)
    }
    return pair
  }
}

/**
 * Finds each message its way: to a linked peer as it is, to all others by way of those. What one turn sends to many, alike but for the
 * address, goes over each link once, and is taken apart where the ways part. Acknowledgements that are alike but for who
 * sends them are put together where they meet. Sans I/O.
 */
export class Router {
  readonly counters: RouterCounters = { unreachable: 0, overflowed: 0, misdirected: 0, refused: 0 }
  /** Frames passed on for others, each once for each link it left on. */
  forwarded = 0
  readonly #options: RouterOptions
  readonly #topology: Topology
  readonly #sets = new Map<string, LinkSets>()
  readonly #scratch = new Scratch(scratchBytes)
  #batches: Batch[] = []
  /** The last batch each member has a place in: what it is sent later must not come before. */
  readonly #placeOf = new Map<MemberId, number>()
  #pendingBytes = 0
  #held: Held[] = []
  /** Of members hosted here. */
  readonly #acknowledgements = new Acknowledgements()

  constructor(options: RouterOptions) {
    this.#options = options
    this.#topology = options.topology
  }

  /** A link with that peer is new: neither end remembers anything. */
  linked(peer: string): void {
    this.#sets.delete(peer)
  }

  /** Queues a message until `flush`. False when nobody is known to pass it on. */
  send(from: MemberId, to: MemberId, message: PeerMessage): boolean {
    const way = this.#topology.wayTo(to)
    if (way === null) {
      this.counters.unreachable++
      return false
    }
    if (this.#mayWait(from, to, message)) return true
    if (message.kind === 'raft' && message.message.type === 'MsgHeartbeatResp') {
      const kept = this.#acknowledgements.take(from, to)
      if (kept !== null) this.#queue(from, to, way.via, { kind: 'raft', message: kept })
    }
    this.#queue(from, to, way.via, message)
    return true
  }

  #queue(from: MemberId, to: MemberId, via: string, message: PeerMessage): void {
    const place = this.#placeFor(from, to, message)
    const batch = this.#batches[place] ?? this.#newBatch(from, message)
    this.#placeOf.set(to, place)
    const destinations = batch.destinations.get(via)
    if (destinations === undefined) batch.destinations.set(via, [to])
    else destinations.push(to)
    this.#pendingBytes += payloadBytes(message)
    if (this.#pendingBytes > pendingBytesMax) this.flush()
  }

  /** True if a member hosted here acknowledges what nobody waits for: it leaves later, or another that says the same. */
  #mayWait(from: MemberId, to: MemberId, message: PeerMessage): boolean {
    if (this.#options.votes(from) || this.#topology.membersElsewhere <= fewMembers) return false
    const isFirst = this.#acknowledgements.size === 0
    if (!this.#acknowledgements.keep(from, to, message)) return false
    if (isFirst) this.#options.after(acknowledgeMs, () => this.#acknowledge())
    return true
  }

  #acknowledge(): void {
    for (const { from, to, message } of this.#acknowledgements.takeAll()) {
      const way = this.#topology.wayTo(to)
      if (way === null) this.counters.unreachable++
      else this.#queue(from, to, way.via, { kind: 'raft', message })
    }
    this.flush()
  }

  /** The end of a turn. */
  flush(): void {
    const batches = this.#batches
    if (batches.length === 0) return
    this.#batches = []
    this.#pendingBytes = 0
    this.#placeOf.clear()
    for (const batch of batches) this.#sendBatch(batch)
  }

  /** What came over the link with that peer. False if it makes no sense to this end of the link. */
  receive(via: string, frame: RoutedFrame): boolean {
    const sets = this.#setsOf(via)
    const origins = LinkSets.of(sets.origins, frame.precedence).heard.resolve(frame.origins)
    const destinations = LinkSets.of(sets.destinations, frame.precedence).heard.resolve(frame.destinations)
    if (origins === null || destinations === null) return false
    const fromViewer = this.#topology.isViewer(via)
    // A viewer speaks for its own members, and passes nothing on.
    if (fromViewer && !origins.every(origin => this.#topology.homeOf(origin) === via)) {
      this.counters.refused++
      return true
    }
    const stamped = fromViewer ? { ...frame, viewer: true } : frame
    const here = destinations.filter(member => this.#topology.isHosted(member))
    if (here.length > 0) this.#deliver(origins, here, stamped)
    if (here.length === destinations.length) return true
    const others = destinations.filter(member => !this.#topology.isHosted(member))
    const [only] = others
    if (others.length === 1 && only !== undefined && this.#mayHold(origins, frame)) {
      this.#hold(origins, only, stamped, via)
    } else {
      this.#passOn(origins, others, stamped, via)
    }
    return true
  }

  /** Passes on what was held. */
  #release(): void {
    const held = this.#held
    this.#held = []
    for (const { origins, to, frame, via } of held) this.#passOn([...origins], [to], frame, via)
  }

  #placeFor(from: MemberId, to: MemberId, message: PeerMessage): number {
    const first = Math.max(this.#placeOf.get(to) ?? -1, this.#batches.length - 1 - alikeMax) + 1
    for (let place = this.#batches.length - 1; place >= first; place -= 1) {
      const batch = this.#batches[place]
      if (batch !== undefined && batch.from === from && isAlike(batch.message, message)) return place
    }
    return this.#batches.length
  }

  #newBatch(from: MemberId, message: PeerMessage): Batch {
    const batch = { from, message, precedence: precedenceOf(message), destinations: new Map() }
    this.#batches.push(batch)
    return batch
  }

  #sendBatch({ from, message, precedence, destinations }: Batch): void {
    let inner: Uint8Array | null = null
    for (const [via, members] of destinations) {
      const [only] = members
      if (members.length === 1 && only !== undefined && this.#topology.homeOf(only) === via) {
        const own = addressed(message, from, only)
        this.#transmit(via, encodePeerMessage(from, only, own, this.#scratch), precedence)
        continue
      }
      inner ??= encodePeerMessage(NONE, NONE, anonymous(message, from))
      const viewer = false
      this.#transmitRouted(via, [from], members, { hops: hopsMax, viewer, precedence, inner })
    }
  }

  #deliver(origins: readonly MemberId[], here: readonly MemberId[], { inner, viewer }: RoutedFrame): void {
    const decoded = decodeLinkFrame(inner)
    if (!decoded.ok || decoded.value.kind !== 'peer') {
      // Whoever passed it on could not know.
      this.counters.refused++
      return
    }
    const { message } = decoded.value
    for (const to of here) {
      for (const from of origins) this.#options.deliver(from, to, addressed(message, from, to), viewer)
    }
  }

  #mayHold(origins: readonly MemberId[], frame: RoutedFrame): boolean {
    return isAcknowledgement(frame.inner) && !origins.some(this.#options.votes)
  }

  #hold(origins: readonly MemberId[], to: MemberId, frame: RoutedFrame, via: string): void {
    const alike = this.#held.find(
      held => held.to === to && held.frame.viewer === frame.viewer && equalBytes(held.frame.inner, frame.inner),
    )
    if (alike !== undefined) {
      for (const origin of origins) alike.origins.add(origin)
      return
    }
    if (this.#held.length >= heldMax) this.#release()
    if (this.#held.length === 0) this.#options.after(mergeMs, () => this.#release())
    this.#held.push({ origins: new Set(origins), to, frame, via })
  }

  #passOn(origins: readonly MemberId[], others: readonly MemberId[], frame: RoutedFrame, from: string): void {
    if (frame.hops === 0) {
      this.counters.misdirected += others.length
      return
    }
    const byHop = new Map<string, MemberId[]>()
    for (const member of others) {
      const way = this.#topology.wayTo(member)
      if (way === null || way.via === from) {
        // Back where it came from it would go round in circles: of the two, one does not know yet what has changed.
        this.counters.unreachable++
        continue
      }
      const destinations = byHop.get(way.via)
      if (destinations === undefined) byHop.set(way.via, [member])
      else destinations.push(member)
    }
    const { hops, viewer, precedence, inner } = frame
    for (const [via, members] of byHop) {
      this.forwarded++
      this.#transmitRouted(via, origins, members, { hops: hops - 1, viewer, precedence, inner })
    }
  }

  #transmitRouted(
    via: string,
    origins: readonly MemberId[],
    members: readonly MemberId[],
    rest: Pick<RoutedFrame, 'hops' | 'viewer' | 'precedence' | 'inner'>,
  ): void {
    const sets = this.#setsOf(via)
    const { sent: originsSent } = LinkSets.of(sets.origins, rest.precedence)
    const { sent: destinationsSent } = LinkSets.of(sets.destinations, rest.precedence)
    const frame: RoutedFrame = {
      kind: 'routed',
      origins: originsSent.say(origins),
      destinations: destinationsSent.say(members),
      ...rest,
    }
    if (!this.#transmit(via, encodeLinkFrame(frame), rest.precedence)) return
    originsSent.sent(frame.origins)
    destinationsSent.sent(frame.destinations)
  }

  #transmit(via: string, frame: Uint8Array<ArrayBuffer>, precedence: Precedence): boolean {
    const taken = this.#options.transmit(via, frame, precedence)
    if (!taken) this.counters.overflowed++
    return taken
  }

  #setsOf(peer: string): LinkSets {
    let sets = this.#sets.get(peer)
    if (sets === undefined) {
      sets = new LinkSets()
      this.#sets.set(peer, sets)
    }
    return sets
  }
}

/**
 * Raft's messages name their sender and their receiver a second time. The receiver is whom it is sent to; the sender may be another, for
 * whom this one asks.
 */
function anonymous(message: PeerMessage, from: MemberId): PeerMessage {
  if (message.kind !== 'raft') return message
  const sender = message.message.from === from ? NONE : message.message.from
  return { kind: 'raft', message: { ...message.message, from: sender, to: NONE } }
}

function addressed(message: PeerMessage, from: MemberId, to: MemberId): PeerMessage {
  if (message.kind !== 'raft') return message
  const sender = message.message.from === NONE ? from : message.message.from
  return { kind: 'raft', message: { ...message.message, from: sender, to } }
}

function payloadBytes(message: PeerMessage): number {
  if (message.kind === 'snapshotChunk') return message.chunk.data.length
  if (message.kind !== 'raft') return 0
  let bytes = 0
  for (const { data } of message.message.entries) bytes += data.length
  return bytes
}
