import type { SealKeys } from '../net/page/keys.ts'
import { Mesh, type MeshStatus } from '../net/page/mesh.ts'
import { noRefusals, Seal, type SealRefusals } from '../net/page/seal.ts'
import type { SignalingState } from './database.ts'
import { canReachOthers, type NetworkPlan } from './network-options.ts'
import type { Observable } from './readable.ts'
import type { WorkerHost } from './worker-host.ts'

export interface NetworkPlace {
  readonly plan: NetworkPlan
  readonly room: string
  readonly keys: SealKeys
}

/** The page's connections to its peers. Each worker has its own, as its channels cannot be taken back from it. */
export class Network {
  /** Of all seals that there were, since a worker that is gone takes no count with it. */
  readonly refusals: SealRefusals = noRefusals()
  readonly #signaling: Observable<SignalingState>
  readonly #place: NetworkPlace
  /** The worker in use, and the seal of its name, which outlives a mesh. */
  #host: { readonly worker: WorkerHost; readonly seal: Seal } | null = null
  #mesh: Mesh | null = null
  #isCut = false

  constructor(signaling: Observable<SignalingState>, place: NetworkPlace) {
    this.#signaling = signaling
    this.#place = place
  }

  /** Takes leave of the peers that an earlier worker knew: to them, this is another. */
  serve(host: WorkerHost): void {
    this.#host = { worker: host, seal: Seal.create(this.#place.keys, host.peer, this.refusals) }
    this.#close()
    this.#open()
  }

  /** Ends all connections, the one to the signaling server too, until `connect`: also for workers that come meanwhile. */
  disconnect(): void {
    this.#isCut = true
    this.#close()
    this.#signaling.set('closed')
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
    const { plan, room } = this.#place
    if (this.#host === null || this.#isCut || !canReachOthers(plan)) return
    const { worker, seal } = this.#host
    const mesh: Mesh = new Mesh({
      ...plan,
      room,
      seal,
      peer: worker.peer,
      links: worker.links,
      onStatus: status => {
        if (this.#mesh === mesh) this.#signaling.set(signalingState(status))
      },
    })
    this.#mesh = mesh
    this.#signaling.set(signalingState(mesh.status))
  }

  #close(): void {
    this.#mesh?.close()
    this.#mesh = null
  }
}

/** Before there is a mesh. */
export function firstSignalingState(plan: NetworkPlan): SignalingState {
  if (!canReachOthers(plan)) return 'unavailable'
  return plan.signaling === null ? 'none' : 'connecting'
}

function signalingState({ signaling }: MeshStatus): SignalingState {
  if (signaling === null) return 'none'
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
