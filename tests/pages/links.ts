import { sealKeys } from '../../src/net/page/keys.ts'
import { Mesh, type MeshOptions, type MeshStatus } from '../../src/net/page/mesh.ts'
import { Seal } from '../../src/net/page/seal.ts'
import type { FromLinksWorker, ToLinksWorker } from './links-messages.ts'

export interface StartOptions {
  /** None: without a server. */
  readonly urls: readonly string[]
  readonly peer: string
  readonly member: number
  /** As in an engine that cannot transfer data channels. */
  readonly withoutTransfer?: boolean
  readonly relay?: MeshOptions['relay']
}

/** All tabs of a test have the same invite. */
const secret = { clusterId: '0'.repeat(32), role: 'editor', secret: new Uint8Array(32) } as const

/** A tab with the two halves of the network and nothing else, driven by the tests. */
export class LinksPage {
  readonly #worker = new Worker(new URL('./links-worker.ts', import.meta.url), { type: 'module' })
  readonly #reports: FromLinksWorker[] = []
  readonly #waiting = new Set<() => void>()
  #mesh: Mesh | undefined
  status: MeshStatus | undefined

  constructor() {
    this.#worker.addEventListener('message', (event: MessageEvent<FromLinksWorker>) => {
      this.#reports.push(event.data)
      for (const wake of [...this.#waiting]) wake()
    })
    addEventListener('pagehide', () => this.#leave())
  }

  async start({ urls, peer, member, withoutTransfer, relay = 'fallback' }: StartOptions): Promise<void> {
    const seal = Seal.create(await sealKeys(secret), peer)
    const { port1, port2 } = new MessageChannel()
    if (withoutTransfer) refuseDataChannels(port1)
    this.#tell({ kind: 'start', peer, member, port: port2 }, [port2])
    this.#mesh = new Mesh({
      signaling: urls.length === 0 ? null : { urls, ticket: null },
      room: 'links',
      peer,
      seal,
      relay,
      links: port1,
      onStatus: status => {
        this.status = status
        for (const wake of [...this.#waiting]) wake()
      },
    })
  }

  do(command: Exclude<ToLinksWorker, { kind: 'start' }>): void {
    this.#tell(command)
  }

  /** The first report that has all of `wanted`, past or to come. */
  async report(wanted: object): Promise<FromLinksWorker> {
    for (;;) {
      const found = this.#reports.find(({ report }) => includes(report, wanted))
      if (found !== undefined) return found
      await this.#next()
    }
  }

  count(wanted: object): number {
    return this.#reports.filter(({ report }) => includes(report, wanted)).length
  }

  async signaling(phase: NonNullable<MeshStatus['signaling']>['phase']): Promise<void> {
    while (this.status?.signaling?.phase !== phase) await this.#next()
  }

  /** Nothing else runs on the page meanwhile. */
  blockPage(ms: number): void {
    const until = performance.now() + ms
    while (performance.now() < until);
  }

  killWorker(): void {
    this.#worker.terminate()
  }

  /** Milliseconds since this page began to load, at a moment given by a report. */
  sinceLoad(at: number): number {
    return at - performance.timeOrigin
  }

  #leave(): void {
    new BroadcastChannel('links').postMessage(performance.timeOrigin + performance.now())
    this.#tell({ kind: 'bye' })
    this.blockPage(40)
    this.#mesh?.bye()
  }

  #tell(command: ToLinksWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(command, transfer)
  }

  #next(): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
    })
  }
}

function refuseDataChannels(port: MessagePort): void {
  const post = port.postMessage.bind(port)
  port.postMessage = (message: unknown, transfer: Transferable[] | StructuredSerializeOptions = []) => {
    const list = Array.isArray(transfer) ? transfer : (transfer.transfer ?? [])
    if (list.some(item => item instanceof RTCDataChannel)) throw new DOMException('no', 'DataCloneError')
    post(message, list)
  }
}

function includes(value: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return value === wanted
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  return Object.entries(wanted).every(([name, field]) => includes(fields.get(name), field))
}

declare global {
  interface Window {
    tab: LinksPage
    /** When another tab of this browser last began to leave, on the machine's clock. */
    leftAt: Promise<number>
  }
}

window.leftAt = new Promise(resolve => {
  new BroadcastChannel('links').onmessage = event => resolve(event.data)
})
window.tab = new LinksPage()
