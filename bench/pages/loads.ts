import { type Database, put, type Watch } from '../../src/client/flotilla.ts'
import {
  type Arrivals,
  type Failover,
  keyOf,
  keysOfTransaction,
  type ManyAtOnce,
  manyAtOnce,
  type OneByOne,
  oneByOne,
  type TimedPut,
  valueBytes,
} from '../loads.ts'

/**
 * Brought into the app's page by the benchmark: the loads, run against the page's own database, and timed by the page's clock.
 */
export class TabLoads {
  readonly #value = 'v'.repeat(valueBytes)
  #writer: Promise<number> | null = null
  #watching: Watching | null = null
  #closingAt = 0
  /** When writes were acknowledged since `startWriting`. */
  #acknowledged: number[] = []

  puts(load: OneByOne): Promise<number[]> {
    return oneByOne(number => database().put(keyOf(number), this.#value), load)
  }

  reads(load: OneByOne): Promise<number[]> {
    return oneByOne(number => database().get(keyOf(number)), load)
  }

  putsPerSecond(load: ManyAtOnce): Promise<number> {
    return manyAtOnce(number => database().put(keyOf(number), this.#value), load)
  }

  batchedPutsPerSecond(load: ManyAtOnce): Promise<number> {
    const commit = (number: number) => {
      const puts = keysOfTransaction(number).map(key => put(key, this.#value))
      return database()
        .txn()
        .then(...puts)
        .commit()
    }
    return manyAtOnce(commit, load)
  }

  /** Resolves when this tab's member watches all that the loads write. */
  async startWatching(): Promise<void> {
    this.#watching = new Watching(database().watch({ prefix: 'bench/' }))
    // Requests of a page are taken in order, so with this one's answer the watch is there.
    await database().get(keyOf(0), { serializable: true })
  }

  async timedPuts({ warmUp, count }: OneByOne): Promise<TimedPut[]> {
    const puts: TimedPut[] = []
    for (let number = 0; number < warmUp + count; number += 1) {
      const calledAt = now()
      const { header } = await database().put(keyOf(number), this.#value)
      if (number >= warmUp) puts.push({ revision: header.revision, calledAt, answeredAt: now() })
    }
    return puts
  }

  /** When this tab was told of each revision, up to the given one; ends the watch. */
  arrivals(upTo: number): Promise<Arrivals> {
    if (this.#watching === null) throw new Error('nothing is watched')
    return this.#watching.until(upTo)
  }

  /** Writes one after the other until another member than `leader` leads; `closing` is to be called before `leader` goes. */
  startWriting(leader: number): void {
    this.#acknowledged = []
    this.#closingAt = Number.POSITIVE_INFINITY
    this.#writer = this.#write(leader)
  }

  /** From now on the leader may be gone at any time. */
  closing(): void {
    this.#closingAt = performance.now()
  }

  /** From `closing` on. */
  async failover(): Promise<Failover> {
    const nextAt = (await this.#writer) ?? Number.NaN
    const times = [this.#closingAt, ...this.#acknowledged.filter(at => at > this.#closingAt)]
    const pauses = times.map((at, place) => at - (times[place - 1] ?? at))
    return { nextMs: nextAt - this.#closingAt, pauseMs: Math.max(...pauses) }
  }

  /** Resolves with the time of the first acknowledgement after this tab knew of another leader. */
  async #write(leader: number): Promise<number> {
    const since = Date.now()
    let anotherLeads = false
    const unsubscribe = database().events.subscribe(events => {
      anotherLeads = events.some(
        event => event.kind === 'leader' && event.at >= since && event.leader !== leader && event.leader !== 0,
      )
    })
    try {
      for (let number = 0; ; number += 1) {
        await database().put(keyOf(number), this.#value)
        const at = performance.now()
        this.#acknowledged.push(at)
        if (anotherLeads) return at
      }
    } finally {
      unsubscribe()
    }
  }
}

/** A watch and when its news came. */
class Watching {
  readonly #watch: Watch<string>
  readonly #arrivals: [revision: number, at: number][] = []
  #arrived: () => void = () => {}

  constructor(watch: Watch<string>) {
    this.#watch = watch
    void this.#follow()
  }

  /** All that came, once the given revision did; ends the watch. */
  async until(revision: number): Promise<Arrivals> {
    await new Promise<void>(resolve => {
      this.#arrived = () => {
        if ((this.#arrivals.at(-1)?.[0] ?? 0) >= revision) resolve()
      }
      this.#arrived()
    })
    await this.#watch.return()
    return this.#arrivals
  }

  async #follow(): Promise<void> {
    for await (const { header } of this.#watch) {
      this.#arrivals.push([header.revision, now()])
      this.#arrived()
    }
  }
}

/** The clock that all tabs of a browser share. */
function now(): number {
  return performance.timeOrigin + performance.now()
}

function database(): Database {
  if (window.flotilla === undefined) throw new Error('the database is not open')
  return window.flotilla.db
}

declare global {
  interface Window {
    /** The app's handle for the console. */
    flotilla?: { readonly db: Database }
    bench: TabLoads
  }
}

window.bench = new TabLoads()
