import type { BrowserContext } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import type { BoardTab } from './board.ts'
import { expect } from './fixtures.ts'

/** One write that a page was told had happened. Times are of the machine's clock, in milliseconds, the same in all tabs. */
export interface Acknowledged {
  readonly key: string
  /** How many writes of its key there were up to this one, so what it wrote. */
  readonly count: number
  readonly askedAt: number
  readonly answeredAt: number
}

export interface Account {
  readonly key: string
  /** What each value is filled up to, in characters. */
  readonly size?: number
  /** From one answer to the next write, for each member that is linked: so many tabs write as often together as a few. */
  readonly pauseMsPerMember?: number
}

/**
 * What tabs were told, kept outside of them, where no end of a page, worker or browser can take it along. A tab writes 1, 2, 3
 * and so on to a key of its own, each when the one before is on record here. So whatever happens, the value of the key
 * is the number of the last write on record, or the one after; and since each write raises the key's version by one, a
 * version that differs from the value tells of a write that was lost, or that happened twice.
 */
export class Ledger {
  readonly entries: Acknowledged[] = []
  readonly refused: string[] = []
  readonly #counts = new Map<string, number>()
  readonly #waiting = new Set<() => void>()

  /** Before the context's pages are opened; again after each start of the browser. */
  async install(context: BrowserContext): Promise<void> {
    await context.exposeFunction('record', (entry: Acknowledged) => {
      this.entries.push(entry)
      this.#counts.set(entry.key, entry.count)
      for (const look of [...this.#waiting]) look()
    })
    await context.exposeFunction('recordRefusal', (text: string) => {
      this.refused.push(text)
    })
  }

  /** The tab writes from now on, until it is gone. */
  async write(tab: BoardTab, account: Account): Promise<void> {
    await tab.page.evaluate(writeSteadily, { size: 0, pauseMsPerMember: 0, ...account })
    this.#counts.set(account.key, 0)
  }

  /** Resolves once what is on record is so, at the latest when it changes. */
  async until(isSo: (ledger: Ledger) => boolean): Promise<void> {
    if (isSo(this)) return
    await new Promise<void>(resolve => {
      const look = () => {
        if (!isSo(this)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  /** The tab begins no more writes, and those it has begun are on record. */
  async rest(tab: BoardTab): Promise<void> {
    await tab.page.evaluate(async () => {
      window.resting = true
      await Promise.all(window.writing ?? [])
    })
  }

  /** Resolves once each of these keys has an answer to a write that was asked for after that moment. */
  everyoneWrites(keys: ReadonlySet<string>, since: number): Promise<void> {
    return this.until(({ entries }) => {
      const recent = new Set<string>()
      for (let at = entries.length - 1; at >= 0; at -= 1) {
        const entry = entries[at]
        if (entry === undefined || entry.answeredAt < since) break
        if (entry.askedAt >= since && keys.has(entry.key)) recent.add(entry.key)
      }
      return recent.size === keys.size
    })
  }

  /** Between the two: the longest time in which none of these keys had an answer, and the longest that one of them waited. */
  worst(keys: ReadonlySet<string>, since: number, until = Number.POSITIVE_INFINITY): { gapMs: number; waitMs: number } {
    const told = this.entries.filter(
      ({ key, answeredAt }) => keys.has(key) && answeredAt >= since && answeredAt <= until,
    )
    const times = told.map(({ answeredAt }) => answeredAt).sort((a, b) => a - b)
    const gaps = times.map((time, at) => time - (times[at - 1] ?? since))
    return {
      gapMs: Math.max(...gaps),
      waitMs: Math.max(...told.map(({ askedAt, answeredAt }) => answeredAt - Math.max(askedAt, since))),
    }
  }

  /** These keys were taken away on purpose. */
  forget(prefix: string): void {
    for (const key of [...this.#counts.keys()]) if (key.startsWith(prefix)) this.#counts.delete(key)
  }

  /** Nothing acknowledged is missing, and nothing happened twice, as far as this tab knows with the cluster behind it. Others may be writing. */
  async check(tab: BoardTab, prefix: string): Promise<void> {
    const before = new Map(this.#counts)
    const found = await tab.page.evaluate(async prefix => {
      const { kvs } = await db().range({ prefix })
      return kvs.map(({ key, value, version }) => ({ key, written: Number.parseInt(value, 10), version }))
    }, prefix)
    const byKey = new Map(found.map(kv => [kv.key, kv]))
    const wrong: string[] = []
    for (const [key, count] of this.#counts) {
      const { written, version } = byKey.get(key) ?? { written: 0, version: 0 }
      const acknowledged = before.get(key) ?? 0
      if (written < acknowledged) wrong.push(`${key}: ${acknowledged} was acknowledged, and ${written} is there`)
      if (written > count + 1) wrong.push(`${key}: ${written} is there, and nobody asked for more than ${count + 1}`)
      if (written !== version) wrong.push(`${key}: ${version} writes made it ${written}`)
    }
    expect(wrong).toEqual([])
    expect(this.refused).toEqual([])
  }
}

declare global {
  interface Window {
    resting?: boolean
    /** Those of which nobody has been told yet. */
    writing?: Set<Promise<void>>
  }
}

declare function db(): Database
declare function record(entry: Acknowledged): Promise<void>
declare function recordRefusal(text: string): Promise<void>

/** Runs in the page. */
function writeSteadily({ key, size, pauseMsPerMember }: Required<Account>): void {
  const now = () => performance.timeOrigin + performance.now()
  const write = async (count: number): Promise<void> => {
    const askedAt = now()
    await db().put(key, `${count} `.padEnd(size, '.'))
    await record({ key, count, askedAt, answeredAt: now() })
    const linked = db()
      .status()
      .replica.members.filter(({ connected }) => connected).length
    setTimeout(next, pauseMsPerMember * linked, count + 1)
  }
  window.writing ??= new Set()
  const { writing } = window
  const next = (count: number) => {
    if (window.resting) return
    const written = write(count)
      .catch(error => recordRefusal(`${key}: ${error}`))
      .finally(() => writing.delete(written))
    writing.add(written)
  }
  next(1)
}
