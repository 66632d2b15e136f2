import SimplePeer from 'simple-peer/simplepeer.min.js'
import type { TabRole } from '../../replica/types.ts'
import type { FromLinks, LinkId, ToLinks } from '../links-protocol.ts'
import { Handover } from './connection.ts'
import { LocalCarrier } from './local-carrier.ts'
import { Peer, type Wish } from './peer.ts'
import type { PeerSignal } from './peer-signal.ts'
import { RelaySeat } from './relay-seat.ts'
import { Room, type Ways } from './room.ts'
import type { Seal } from './seal.ts'
import { SignalingClient, type SignalingState } from './signaling-client.ts'

/**
 * `fallback`: frames go over the signaling server while there is no direct link. `always`: over nothing else. `never`: where there is no direct
 * link there is none.
 */
export type RelayPolicy = 'fallback' | 'always' | 'never'

export interface MeshOptions {
  /** Null: no server at all, only the tabs of this browser find each other. */
  readonly signaling: {
    /** WebSocket addresses of one service, at least one. */
    readonly urls: readonly string[]
    readonly ticket: ((room: string) => Promise<string>) | null
  } | null
  readonly room: string
  /** This page load's name, see `newPeerName`: it is how peers know each other across signaling servers. */
  readonly peer: string
  /** Seals in that name, for as long as the name is used. */
  readonly seal: Seal
  /** STUN and TURN servers, beside what the signaling server gives. None by default: a local network needs none, and no stranger learns of anybody. */
  readonly iceServers?: readonly RTCIceServer[]
  readonly iceTransportPolicy?: RTCIceTransportPolicy
  readonly relay?: RelayPolicy
  /** To the worker, which owns what travels on the connections. */
  readonly links: MessagePort
  onStatus(status: MeshStatus): void
}

export interface MeshStatus {
  /** Null where there is no server. */
  readonly signaling: SignalingState | null
}

/** Whether this browser can connect directly to others. */
export function webRtcAvailable(): boolean {
  return SimplePeer.WEBRTC_SUPPORT
}

/** Whom the worker wants links to; until it says so, to all. */
interface Wanted {
  readonly peers: ReadonlySet<string> | 'all'
  readonly linksMax: number
}

/**
 * The page half of the network: finds the peers of a room, over the signaling server and within the browser, and keeps a link to each of
 * those that the worker wants. Of two that know each other's name the one of the lower name dials.
 */
export class Mesh {
  readonly #options: MeshOptions
  readonly #abort = new AbortController()
  readonly #handover: Handover
  readonly #room: Room
  readonly #signaling: SignalingClient | null
  readonly #seat: RelaySeat
  readonly #ways: Ways
  readonly #peers = new Map<string, Peer>()
  #wanted: Wanted = { peers: 'all', linksMax: Number.POSITIVE_INFINITY }

  constructor(options: MeshOptions) {
    this.#options = options
    const { peer, room, seal, signaling, relay = 'fallback' } = options
    const { signal } = this.#abort
    this.#handover = new Handover(options.links)
    this.#ways = {
      direct: relay !== 'always' && webRtcAvailable(),
      relay: relay !== 'never' && signaling !== null,
    }
    this.#seat = new RelaySeat({
      place: () => (this.#signaling?.state.phase === 'open' ? { url: this.#signaling.url, room } : null),
      ticket: signaling?.ticket ?? null,
      post: message => this.#post(message),
    })
    this.#room = new Room({
      peer,
      ways: this.#ways,
      seal,
      signal,
      events: {
        onMet: (name, role, ways) => this.#met(name, role, ways),
        onMoved: name => this.#peers.get(name)?.moved(),
        onGone: name => this.#forgetIfUseless(name),
        onSignal: (name, said) => this.#heardFromPeer(name, said),
      },
    })
    options.links.onmessage = (event: MessageEvent<FromLinks>) => this.#heardFromWorker(event.data)
    this.#room.add(onEvent => new LocalCarrier({ room, signal, onEvent }))
    this.#signaling =
      signaling === null
        ? null
        : this.#room.add(
            onEvent =>
              new SignalingClient({ ...signaling, room, signal, onEvent, onState: () => this.#signalingChanged() }),
          )
    addEventListener('online', () => this.#networkChanged(), { signal })
  }

  get status(): MeshStatus {
    return { signaling: this.#signaling?.state ?? null }
  }

  /**
   * The page goes away: leaves the room, so that nobody dials it any more. The connections are left to the worker, which says
   * bye on them and closes its channels, on its own thread, while the page holds the door. Bridged ones end here, since
   * a page that goes away passes nothing on: their other side sees them close.
   */
  bye(): void {
    if (this.#handover.bridging) this.close()
    else {
      this.#abort.abort()
      for (const peer of this.#peers.values()) peer.rest()
    }
  }

  /** Leaves the room and ends all connections. */
  close(): void {
    this.#abort.abort()
    for (const peer of this.#peers.values()) peer.end()
    this.#peers.clear()
    this.#seat.end()
  }

  #met(name: string, role: TabRole, { direct, relay }: Ways): void {
    let peer = this.#peers.get(name)
    if (peer === undefined) {
      peer = this.#makePeer(name, role)
      this.#peers.set(name, peer)
      peer.wish(this.#wishFor(name))
    }
    peer.met({ direct: direct && this.#ways.direct, relay: relay && this.#ways.relay })
  }

  #makePeer(name: string, role: TabRole): Peer {
    const { seal, iceServers = [], iceTransportPolicy = 'all' } = this.#options
    const post = (message: ToLinks) => this.#post(message)
    const rtcConfiguration = () => ({
      iceServers: [...iceServers, ...(this.#signaling?.iceServers ?? [])],
      iceTransportPolicy,
    })
    return new Peer({
      name,
      role,
      dials: this.#options.peer < name,
      direct: { handover: this.#handover, rtcConfiguration },
      relay: { seat: this.#seat, seal, post },
      say: said => this.#room.say(name, said),
      reachable: () => !this.#abort.signal.aborted && this.#room.reaches(name),
      onChange: () => this.#forgetIfUseless(name),
    })
  }

  #wishFor(name: string): Wish {
    const { peers } = this.#wanted
    if (peers === 'all') return 'link'
    return peers.has(name) ? 'ask' : 'none'
  }

  #heardFromPeer(name: string, said: Exclude<PeerSignal, { kind: 'greet' }>): void {
    const peer = this.#peers.get(name)
    if (peer === undefined) return
    switch (said.kind) {
      case 'signal':
        if (!this.#ways.direct) return
        if (peer.begins(said.attempt, said.data) && !this.#hasRoomFor(name)) this.#room.turnAway(name)
        else peer.signaled(said.attempt, said.data)
        break
      case 'relay':
        if (!this.#ways.relay) return
        if (!peer.busy && !this.#hasRoomFor(name)) this.#room.turnAway(name)
        else peer.relayed(said)
        break
      case 'ask':
        if (peer.busy) return
        if (this.#hasRoomFor(name)) peer.invite()
        else this.#room.turnAway(name)
        break
      case 'full':
        peer.turnedAway()
        break
    }
  }

  #hasRoomFor(name: string): boolean {
    if (this.#wishFor(name) !== 'none') return true
    let links = 0
    for (const peer of this.#peers.values()) if (peer.busy) links++
    return links < this.#wanted.linksMax
  }

  #heardFromWorker(message: FromLinks): void {
    switch (message.type) {
      case 'up':
        this.#peerOf(message.link)?.heardUp(message.link)
        break
      case 'down':
        this.#peerOf(message.link)?.heardDown(message.link, message.reason)
        break
      case 'relayAddress':
        this.#seat.heard(message.address)
        break
      case 'wanted': {
        const { peers, linksMax } = message
        this.#wanted = { peers: peers === 'all' ? 'all' : new Set(peers), linksMax }
        for (const peer of this.#peers.values()) peer.wish(this.#wishFor(peer.name))
        this.#room.seek(this.#wanted.peers === 'all' ? new Set() : this.#wanted.peers)
        break
      }
    }
  }

  #peerOf(link: LinkId): Peer | undefined {
    for (const peer of this.#peers.values()) if (peer.owns(link)) return peer
    return undefined
  }

  #networkChanged(): void {
    for (const peer of this.#peers.values()) peer.tryNow()
  }

  #signalingChanged(): void {
    // Called while it is being constructed, too.
    if (this.#signaling?.state.phase === 'open') this.#seat.tryNow()
    this.#options.onStatus(this.status)
  }

  /** Whom we are not linked to and cannot speak to. */
  #forgetIfUseless(name: string): void {
    const peer = this.#peers.get(name)
    if (peer === undefined || peer.busy || this.#room.reaches(name) || this.#abort.signal.aborted) return
    peer.end()
    this.#peers.delete(name)
  }

  #post(message: ToLinks): void {
    this.#options.links.postMessage(message)
  }
}
