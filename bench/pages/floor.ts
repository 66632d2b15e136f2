import type { OneByOne } from '../loads.ts'
import type { FromFloorWorker, ToFloorWorker } from './floor-messages.ts'

/** One of three tabs with a worker each, and data channels from the first one's worker to the others'; driven by the benchmark. */
export class FloorPage {
  readonly #worker = new Worker(new URL('./floor-worker.ts', import.meta.url), { type: 'module' })
  /** The one being made; those made before live on. */
  #connection = new RTCPeerConnection()
  #open: Promise<unknown> = Promise.resolve()

  /** To one more of the others, whose answer goes to `accept`. */
  async offer(): Promise<string> {
    this.#connection = new RTCPeerConnection()
    this.#makeChannel('caller')
    await this.#connection.setLocalDescription(await this.#connection.createOffer())
    return this.#description()
  }

  async answer(offer: string): Promise<string> {
    this.#makeChannel('echo')
    await this.#connection.setRemoteDescription({ type: 'offer', sdp: offer })
    await this.#connection.setLocalDescription(await this.#connection.createAnswer())
    return this.#description()
  }

  /** Resolves when the channel is open. */
  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer })
    await this.#open
  }

  commits(load: OneByOne, bytes: number): Promise<FromFloorWorker> {
    return this.#ask({ kind: 'commits', load, bytes })
  }

  roundTrips(load: OneByOne, bytes: number): Promise<FromFloorWorker> {
    return this.#ask({ kind: 'roundTrips', load, bytes })
  }

  replicated(load: OneByOne, bytes: number): Promise<FromFloorWorker> {
    return this.#ask({ kind: 'replicated', load, bytes })
  }

  #makeChannel(role: 'caller' | 'echo'): void {
    const channel = this.#connection.createDataChannel('floor', { negotiated: true, id: 1 })
    // In the task that made it: later it can no longer be transferred.
    this.#open = this.#ask({ kind: 'channel', channel, role }, [channel])
  }

  /** With all its candidates, so that one word each way is enough. */
  async #description(): Promise<string> {
    const connection = this.#connection
    if (connection.iceGatheringState !== 'complete') {
      await new Promise<void>(resolve => {
        connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve()
      })
    }
    return connection.localDescription?.sdp ?? ''
  }

  #ask(message: ToFloorWorker, transfer: Transferable[] = []): Promise<FromFloorWorker> {
    return new Promise((resolve, reject) => {
      this.#worker.addEventListener('message', ({ data }: MessageEvent<FromFloorWorker>) => resolve(data), {
        once: true,
      })
      this.#worker.addEventListener('error', event => reject(new Error(event.message)), { once: true })
      this.#worker.postMessage(message, transfer)
    })
  }
}

declare global {
  interface Window {
    floor: FloorPage
  }
}

window.floor = new FloorPage()
