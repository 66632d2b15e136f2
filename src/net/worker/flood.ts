import { encodeLinkFrame } from '../codec.ts'
import { type PeerRecord, recordsMax } from '../routed.ts'
import type { Topology } from './topology.ts'

/** What peers say of themselves leaves at once, and then at most this often: a burst of changes travels as the last of them. */
export const floodIntervalMs = 50

export interface FloodOptions {
  readonly topology: Topology
  readonly transmit: (peer: string, frame: Uint8Array<ArrayBuffer>) => void
  /** Calls back once, after so many milliseconds. */
  readonly after: (ms: number, callback: () => void) => void
}

/** Tells everyone what each peer says of itself: to a new neighbour all that is known, to the others what is news. */
export class Flood {
  readonly #options: FloodOptions
  /** News, and whom they came from. */
  readonly #news = new Map<string, { readonly record: PeerRecord; readonly from: string | null }>()
  readonly #neighbours = new Set<string>()
  #resting = false
  #toldOfUs = 0

  constructor(options: FloodOptions) {
    this.#options = options
  }

  linked(peer: string): void {
    this.#neighbours.add(peer)
    this.#tell(peer, this.#options.topology.records)
  }

  unlinked(peer: string): void {
    this.#neighbours.delete(peer)
  }

  /** True if the ways may be others than before. */
  receive(from: string, records: readonly PeerRecord[]): boolean {
    const { topology } = this.#options
    const isViewer = topology.isViewer(from)
    let isNews = false
    for (const said of records) {
      // A viewer speaks for itself, and as a viewer.
      if (isViewer && said.peer !== from) continue
      const record = isViewer ? { ...said, viewer: true } : said
      if (!topology.learn(record)) continue
      this.#news.set(record.peer, { record, from })
      isNews = true
    }
    if (isNews) this.pour()
    return isNews
  }

  /** Passes the news on, and what this tab says of itself if that is another thing than before. */
  pour(): void {
    if (this.#resting) return
    const { topology, after } = this.#options
    const own = topology.ownRecord
    if (own.sequence !== this.#toldOfUs) this.#news.set(own.peer, { record: own, from: null })
    this.#toldOfUs = own.sequence
    if (this.#news.size === 0) return
    const news = [...this.#news.values()]
    this.#news.clear()
    this.#resting = true
    after(floodIntervalMs, () => {
      this.#resting = false
      this.pour()
    })
    for (const peer of this.#neighbours) {
      this.#tell(
        peer,
        news.filter(({ from }) => from !== peer).map(({ record }) => record),
      )
    }
  }

  #tell(peer: string, records: readonly PeerRecord[]): void {
    for (let at = 0; at < records.length; at += recordsMax) {
      this.#options.transmit(peer, encodeLinkFrame({ kind: 'topology', records: records.slice(at, at + recordsMax) }))
    }
  }
}
