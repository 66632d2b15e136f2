import type { HostEvent } from '../worker/protocol.ts'
import { eventsMax } from './limits.ts'
import { Observable, type Readable } from './readable.ts'

/** What happened to the cluster, as this tab saw it, and to the tab itself. */
export type DatabaseEvent = HostEvent

/** The latest events, the oldest first. It outlives the worker, not the page. */
export class EventLog {
  readonly #events = new Observable<readonly DatabaseEvent[]>([])

  get latest(): Readable<readonly DatabaseEvent[]> & { readonly value: readonly DatabaseEvent[] } {
    return this.#events
  }

  add(events: readonly DatabaseEvent[]): void {
    this.#events.set([...this.#events.value, ...events].slice(-eventsMax))
  }
}
