import type { SignalData } from 'simple-peer'
import SimplePeer from 'simple-peer/simplepeer.min.js'
import type { FromLinks, LinkId } from '../links-protocol.ts'
import { Backoff } from './backoff.ts'
import { Connection, Handover } from './connection.ts'
import { decodePeerSignal, encodePeerSignal } from './peer-signal.ts'
import { type RoomEvent, SignalingClient, type SignalingState } from './signaling-client.ts'

const redialFirstMs = 100
const redialMaxMs = 10_000
/** From the first signal of an attempt until the worker has heard hello. */
const dialTimeoutMs = 10_000

/**
 * Of the page, not of one mesh: another that takes its place under the same name must not number its attempts again, since
 * to those who knew the first they would be late.
 */
let lastLink: LinkId = 0

export interface MeshOptions {
  /** WebSocket address of the signaling server. */
  readonly signalingUrl: string
  readonly room: string
  /** This page load's name, see `newPeerName`: it is how peers know each other across signaling servers. */
  readonly peer: string
  /** STUN and TURN servers. None by default: a local network needs none, and no stranger learns of anybody. */
  readonly iceServers?: readonly RTCIceServer[]
  /** To the worker, which owns what travels on the connections. */
  readonly links: MessagePort
  onStatus(status: MeshStatus): void
}

export interface MeshStatus {
  readonly signaling: SignalingState
  readonly peers: readonly { readonly peer: string; readonly phase: PeerState['phase'] }[]
}

type PeerState =
  /** Nothing to do: the other side dials, being the one of the lower name. */
  | { readonly phase: 'waiting' }
  /** It is on us to dial, after a pause. */
  | { readonly phase: 'backoff'; readonly timer: ReturnType<typeof setTimeout> }
  | {
      readonly phase: 'dialing'
      readonly connection: Connection
      readonly attempt: number
      readonly timer: ReturnType<typeof setTimeout>
    }
  | { readonly phase: 'up'; readonly connection: Connection; readonly attempt: number }
  /** Said bye. Not dialed again; forgotten when the signaling server notices too. */
  | { readonly phase: 'gone' }

interface Peer {
  readonly name: string
  /** Its id on the signaling server; null while it cannot be reached that way, which a living link outlasts. */
  address: string | null
  /** Highest attempt seen of a peer that dials us: what belongs to a lower one is late. */
  lastAttempt: number
  readonly backoff: Backoff
  state: PeerState
}

export function webRtcAvailable(): boolean {
  return SimplePeer.WEBRTC_SUPPORT
}

/**
 * The page half of the network: finds the peers of a room and keeps one connection to each. Whoever comes into the room greets
 * those who are there; once two know each other's name, the one of the lower name dials.
 *
 * Throws at once where there is no WebRTC; see `webRtcAvailable`.
 */
export class Mesh {
  readonly #options: MeshOptions
  readonly #abort = new AbortController()
  readonly #signaling: SignalingClient
  readonly #handover: Handover
  readonly #peers = new Map<string, Peer>()
  /** Name of each signaling id that has greeted on this connection to the server. */
  readonly #names = new Map<string, string>()

  constructor(options: MeshOptions) {
    if (!webRtcAvailable()) throw new Error('this browser has no WebRTC')
    this.#options = options
    this.#handover = new Handover(options.links)
    options.links.onmessage = (event: MessageEvent<FromLinks>) => this.#heardFromWorker(event.data)
    this.#signaling = new SignalingClient({
      url: options.signalingUrl,
      room: options.room,
      signal: this.#abort.signal,
      onEvent: event => this.#heardFromServer(event),
      onState: state => {
        if (state.phase === 'waiting') this.#forgetAddresses()
        this.#statusChanged()
      },
    })
  }

  get status(): MeshStatus {
    const peers = [...this.#peers.values()].map(({ name, state }) => ({ peer: name, phase: state.phase }))
    return { signaling: this.#signaling.state, peers }
  }

  /**
   * The page goes away: leaves the room, so that nobody dials it any more. The connections are left to the worker, which says
   * bye on them and closes its channels, on its own thread, while the page holds the door. Bridged ones end here, since
   * a page that goes away passes nothing on: their other side sees them close.
   */
  bye(): void {
    this.#abort.abort()
    if (this.#handover.bridging) this.#endAll()
    else for (const peer of this.#peers.values()) this.#stopTimer(peer)
  }

  /** Leaves the room and ends all connections. */
  close(): void {
    this.#abort.abort()
    this.#endAll()
  }

  #endAll(): void {
    for (const peer of this.#peers.values()) {
      this.#stopTimer(peer)
      this.#endConnection(peer)
    }
    this.#peers.clear()
  }

  #heardFromServer(event: RoomEvent): void {
    switch (event.type) {
      case 'welcome':
      case 'found':
        for (const id of event.peers) this.#greet(id, true)
        break
      case 'joined':
        // It greets us, as it greets everybody.
        break
      case 'left':
        this.#unreachable(event.id)
        break
      case 'unreachable':
        this.#unreachable(event.to)
        break
      case 'message':
        this.#heardFromPeer(event.from, event.payload)
        break
    }
  }

  #heardFromPeer(address: string, payload: string): void {
    const signal = decodePeerSignal(payload)
    if (signal === null) return
    if (signal.kind === 'greet') {
      if (signal.answer) this.#greet(address, false)
      this.#greeted(address, signal.peer)
      return
    }
    if (signal.kind !== 'signal') return
    const name = this.#names.get(address)
    const peer = name === undefined ? undefined : this.#peers.get(name)
    if (peer !== undefined) this.#signaled(peer, signal.attempt, signal.data)
  }

  #greet(address: string, answer: boolean): void {
    this.#signaling.send(address, encodePeerSignal({ kind: 'greet', peer: this.#options.peer, answer }))
  }

  /** A peer is in the room: new, back, or known and here under a new id. */
  #greeted(address: string, name: string): void {
    // One name per id, or one stranger could fill our memory with names.
    if (name === this.#options.peer || this.#names.has(address)) return
    this.#names.set(address, name)
    const peer = this.#peers.get(name) ?? this.#meet(name)
    peer.address = address
    // An attempt under way spoke to an address that is no more, so it too starts over.
    if (peer.state.phase !== 'up' && peer.state.phase !== 'gone' && this.#dials(peer)) {
      this.#stopTimer(peer)
      this.#endConnection(peer)
      this.#dial(peer)
    }
    this.#statusChanged()
  }

  #meet(name: string): Peer {
    const peer: Peer = {
      name,
      address: null,
      lastAttempt: 0,
      backoff: new Backoff(redialFirstMs, redialMaxMs),
      state: { phase: 'waiting' },
    }
    this.#peers.set(name, peer)
    return peer
  }

  #dials(peer: Peer): boolean {
    return this.#options.peer < peer.name
  }

  #dial(peer: Peer): void {
    const link = ++lastLink
    this.#connect(peer, link, link)
  }

  #connect(peer: Peer, link: LinkId, attempt: number): void {
    const connection = new Connection({
      link,
      peer: peer.name,
      initiator: this.#dials(peer),
      iceServers: this.#options.iceServers ?? [],
      handover: this.#handover,
      onSignal: data => {
        if (peer.address === null) return
        this.#signaling.send(peer.address, encodePeerSignal({ kind: 'signal', attempt, data }))
      },
      onClosed: () => {
        this.#handover.closed(link)
        this.#lost(peer, link)
      },
    })
    // As long as there are no other invites.
    this.#handover.giveRole(link, 'editor')
    const timer = setTimeout(() => {
      this.#endConnection(peer)
      this.#lost(peer, link)
    }, dialTimeoutMs)
    this.#change(peer, { phase: 'dialing', connection, attempt, timer })
  }

  #signaled(peer: Peer, attempt: number, data: SignalData): void {
    if (!this.#dials(peer) && attempt > peer.lastAttempt) {
      // The peer has given up what there was and dials anew.
      if (peer.state.phase === 'gone' || !('type' in data) || data.type !== 'offer') return
      peer.lastAttempt = attempt
      this.#endConnection(peer)
      this.#connect(peer, ++lastLink, attempt)
    }
    const state = peer.state
    if ((state.phase === 'dialing' || state.phase === 'up') && state.attempt === attempt) state.connection.signal(data)
  }

  #heardFromWorker(message: FromLinks): void {
    if (message.type !== 'up' && message.type !== 'down') return
    const peer = this.#peerOf(message.link)
    if (peer === undefined) return
    switch (message.type) {
      case 'up':
        if (peer.state.phase !== 'dialing') return
        clearTimeout(peer.state.timer)
        peer.backoff.reset()
        this.#change(peer, { phase: 'up', connection: peer.state.connection, attempt: peer.state.attempt })
        break
      case 'down':
        this.#endConnection(peer)
        if (message.reason !== 'bye') this.#lost(peer, message.link)
        else if (peer.address === null) this.#forget(peer)
        else this.#change(peer, { phase: 'gone' })
        break
    }
  }

  #peerOf(link: LinkId): Peer | undefined {
    for (const peer of this.#peers.values()) {
      const { state } = peer
      if ((state.phase === 'dialing' || state.phase === 'up') && state.connection.link === link) return peer
    }
    return undefined
  }

  /** The connection is over: dials again if that is on us and the peer can be reached, else waits or forgets. */
  #lost(peer: Peer, link: LinkId): void {
    const { state } = peer
    if ((state.phase !== 'dialing' && state.phase !== 'up') || state.connection.link !== link) return
    this.#stopTimer(peer)
    if (this.#abort.signal.aborted) return
    if (peer.address === null) {
      this.#forget(peer)
    } else if (this.#dials(peer)) {
      const timer = setTimeout(() => this.#dial(peer), peer.backoff.next())
      this.#change(peer, { phase: 'backoff', timer })
    } else {
      this.#change(peer, { phase: 'waiting' })
    }
  }

  #endConnection(peer: Peer): void {
    const { state } = peer
    if (state.phase !== 'dialing' && state.phase !== 'up') return
    this.#stopTimer(peer)
    state.connection.destroy()
    this.#handover.closed(state.connection.link)
  }

  #stopTimer(peer: Peer): void {
    if (peer.state.phase === 'dialing' || peer.state.phase === 'backoff') clearTimeout(peer.state.timer)
  }

  /** The signaling server no longer knows this id. Says nothing about a living link. */
  #unreachable(address: string): void {
    const name = this.#names.get(address)
    this.#names.delete(address)
    const peer = name === undefined ? undefined : this.#peers.get(name)
    if (peer === undefined || peer.address !== address) return
    peer.address = null
    if (peer.state.phase !== 'dialing' && peer.state.phase !== 'up') this.#forget(peer)
  }

  #forgetAddresses(): void {
    for (const address of [...this.#names.keys()]) this.#unreachable(address)
  }

  #forget(peer: Peer): void {
    this.#stopTimer(peer)
    this.#peers.delete(peer.name)
    this.#statusChanged()
  }

  #change(peer: Peer, state: PeerState): void {
    peer.state = state
    this.#statusChanged()
  }

  #statusChanged(): void {
    this.#options.onStatus(this.status)
  }
}
