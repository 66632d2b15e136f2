import { Mesh, type MeshOptions, type MeshStatus } from '../net/page/mesh.ts'
import type { SignalingState } from './database.ts'
import { webRtcAvailable } from './environment.ts'
import type { Observable } from './readable.ts'
import type { WorkerHost } from './worker-host.ts'

type Place = Pick<MeshOptions, 'signalingUrl' | 'room' | 'iceServers'>

/** The page's connections to its peers. Each worker has its own, as its channels cannot be taken back from it. */
export class Network {
  readonly #signaling: Observable<SignalingState>
  readonly #place: Place
  #host: WorkerHost | null = null
  #mesh: Mesh | null = null
  #isCut = false

  constructor(signaling: Observable<SignalingState>, place: Place) {
    this.#signaling = signaling
    this.#place = place
  }

  /** Takes leave of the peers that an earlier worker knew: to them, this is another. */
  serve(host: WorkerHost): void {
    this.#host = host
    this.#close()
    this.#open()
  }

  /** Ends all connections, the one to the signaling server too, until `connect`: also for workers that come meanwhile. */
  disconnect(): void {
    this.#isCut = true
    this.#close()
  }

  connect(): void {
    if (!this.#isCut) return
    this.#isCut = false
    this.#open()
  }

  bye(): void {
    this.#mesh?.bye()
  }

  /** For good. */
  end(): void {
    this.#host = null
    this.#close()
  }

  #open(): void {
    if (this.#host === null || this.#isCut || !webRtcAvailable()) return
    const { peer, links } = this.#host
    const mesh: Mesh = new Mesh({
      ...this.#place,
      peer,
      links,
      onStatus: status => {
        if (this.#mesh === null || this.#mesh === mesh) this.#signaling.set(signalingState(status))
      },
    })
    this.#mesh = mesh
  }

  #close(): void {
    this.#mesh?.close()
    this.#mesh = null
  }
}

function signalingState({ signaling }: MeshStatus): SignalingState {
  switch (signaling.phase) {
    case 'connecting':
      return 'connecting'
    case 'open':
      return 'connected'
    case 'waiting':
      return signaling.refusal === null ? 'disconnected' : 'refused'
    case 'closed':
      return 'closed'
  }
}
