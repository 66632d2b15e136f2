import type { ToLinks } from '../../src/net/links-protocol.ts'
import type { FromNetWorker, NetLoad, NetResult, ToNetWorker } from './net-messages.ts'

/**
 * One of two tabs. Their one connection has the library's two channels and a bare third one, all of them transferred to the tab's
 * worker: what is measured on the third is what machine and browser give to both. Driven by the benchmark.
 */
export class NetPage {
  readonly #worker = new Worker(new URL('./net-worker.ts', import.meta.url), { type: 'module' })
  readonly #connection = new RTCPeerConnection()

  /** `self`: 1 or 2, the number of this tab's member. */
  async offer(self: number): Promise<string> {
    this.#begin(self)
    await this.#connection.setLocalDescription(await this.#connection.createOffer())
    return this.#description()
  }

  async answer(self: number, offer: string): Promise<string> {
    this.#begin(self)
    await this.#connection.setRemoteDescription({ type: 'offer', sdp: offer })
    await this.#connection.setLocalDescription(await this.#connection.createAnswer())
    return this.#description()
  }

  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer })
  }

  async ready(): Promise<void> {
    await this.#ask({ kind: 'ready' })
  }

  async run(over: 'links' | 'raw', load: NetLoad): Promise<NetResult> {
    const said = await this.#ask({ kind: 'run', over, load })
    if (said.kind !== 'done') throw new Error(said.kind === 'failed' ? said.message : 'the worker did not run the load')
    return said.result
  }

  /** In the task that makes the channels: later they can no longer be transferred. */
  #begin(self: number): void {
    const { port1: port, port2 } = new MessageChannel()
    this.#tell({ kind: 'links', port: port2, self }, [port2])
    const [raft, bulk, raw] = [1, 2, 3].map(id =>
      this.#connection.createDataChannel(`channel ${id}`, { negotiated: true, id }),
    )
    if (raft === undefined || bulk === undefined || raw === undefined) throw new Error('no channels')
    const peer = `bench-${self === 1 ? 2 : 1}`
    const channels: ToLinks = { type: 'channels', link: 1, peer, kind: 'webrtc', raft, bulk }
    port.postMessage(channels, [raft, bulk])
    port.postMessage({ type: 'role', link: 1, role: 'editor' } satisfies ToLinks)
    this.#tell({ kind: 'raw', channel: raw }, [raw])
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

  #tell(message: ToNetWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  #ask(message: ToNetWorker): Promise<FromNetWorker> {
    return new Promise((resolve, reject) => {
      this.#worker.addEventListener('message', ({ data }: MessageEvent<FromNetWorker>) => resolve(data), { once: true })
      this.#worker.addEventListener('error', event => reject(new Error(event.message)), { once: true })
      this.#tell(message)
    })
  }
}

declare global {
  interface Window {
    benchNet: NetPage
  }
}

window.benchNet = new NetPage()
