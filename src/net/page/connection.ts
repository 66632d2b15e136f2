import type { SignalData } from 'simple-peer'
import SimplePeer from 'simple-peer/simplepeer.min.js'
import type { TabRole } from '../../replica/types.ts'
import type { LinkId, ToLinks } from '../links-protocol.ts'
import { bridgeChannel } from './bridge.ts'

/** Negotiated ids, far above those that simple-peer's own channel is given in band. */
const RAFT_CHANNEL_ID = 512
const BULK_CHANNEL_ID = 513

export interface ConnectionOptions {
  readonly link: LinkId
  readonly peer: string
  readonly initiator: boolean
  readonly rtcConfiguration: RTCConfiguration
  readonly handover: Handover
  onSignal(data: SignalData): void
  /** Once, and not after `destroy`: it failed, or the other side ended it. */
  onClosed(): void
}

/**
 * One attempt to connect to one peer, and the connection that comes of it. The channels that carry data are the worker's from
 * the first moment; what stays here is simple-peer, its own channel, and the work of keeping the connection up.
 */
export class Connection {
  readonly link: LinkId
  readonly #peer: SimplePeer
  #destroyed = false

  constructor({ link, peer, initiator, rtcConfiguration, handover, onSignal, onClosed }: ConnectionOptions) {
    this.link = link
    this.#peer = new SimplePeer({ initiator, trickle: true, config: rtcConfiguration })
    this.#peer.on('signal', data => {
      if (!this.#destroyed) onSignal(data)
    })
    // Nothing of ours travels on simple-peer's own channel; what a peer puts there must not pile up.
    this.#peer.resume()
    // `close` follows every error and is all that matters here.
    this.#peer.on('error', () => {})
    this.#peer.on('close', () => {
      if (this.#destroyed) return
      this.#destroyed = true
      onClosed()
    })
    if (this.#peer._pc !== undefined) handover.giveChannels(link, peer, this.#peer._pc)
  }

  signal(data: SignalData): void {
    if (this.#destroyed) return
    try {
      this.#peer.signal(data)
    } catch {
      // Data the engine's constructors do not take. Whoever sent it cannot be talked to this way.
      this.#peer.destroy()
    }
  }

  destroy(): void {
    this.#destroyed = true
    this.#peer.destroy()
  }
}

/** Gives channels to the worker: as they are where the engine can transfer them, else bridged. */
export class Handover {
  readonly #links: MessagePort
  #transferable = true

  constructor(links: MessagePort) {
    this.#links = links
  }

  /** Whether channels pass through the page, which then must live for them to work. */
  get bridging(): boolean {
    return !this.#transferable
  }

  /** Must run in the task that made `pc`: a channel can only be transferred before anything was done with it. */
  giveChannels(link: LinkId, peer: string, pc: RTCPeerConnection): void {
    const raft = pc.createDataChannel('raft', { negotiated: true, id: RAFT_CHANNEL_ID })
    const bulk = pc.createDataChannel('bulk', { negotiated: true, id: BULK_CHANNEL_ID })
    if (this.#transferable) {
      try {
        this.#post({ type: 'channels', link, peer, kind: 'webrtc', raft, bulk }, [raft, bulk])
        return
      } catch (error) {
        if (!cannotTransfer(error)) throw error
        this.#transferable = false
      }
    }
    const ports = { raft: bridgeChannel(raft), bulk: bridgeChannel(bulk) }
    this.#post({ type: 'channels', link, peer, kind: 'bridged', ...ports }, [ports.raft, ports.bulk])
  }

  /** Must come before the link can open, which does not come up without. */
  giveRole(link: LinkId, role: TabRole): void {
    this.#post({ type: 'role', link, role })
  }

  closed(link: LinkId): void {
    this.#post({ type: 'closed', link })
  }

  #post(message: ToLinks, transfer: Transferable[] = []): void {
    this.#links.postMessage(message, transfer)
  }
}

function cannotTransfer(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'DataCloneError')
}
