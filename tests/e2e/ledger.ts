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

  /** These keys were taken away on purpose. */
  forget(prefix: string): void {
    for (const key of [...this.#counts.keys()]) if (key.startsWith(prefix)) this.#counts.delete(key)
  }

  /** Nothing acknowledged is missing, and nothing happened twice, as far as this tab knows with the cluster behind it. */
  async check(tab: BoardTab, prefix: string): Promise<void> {
    const found = await tab.page.evaluate(async prefix => {
      const { kvs } = await db().range({ prefix })
      return kvs.map(({ key, value, version }) => ({ key, written: Number.parseInt(value, 10), version }))
    }, prefix)
    const byKey = new Map(found.map(kv => [kv.key, kv]))
    const wrong: string[] = []
    for (const [key, count] of this.#counts) {
      const { written, version } = byKey.get(key) ?? { written: 0, version: 0 }
      if (written < count) wrong.push(`${key}: ${count} was acknowledged, and ${written} is there`)
      if (written > count + 1) wrong.push(`${key}: ${written} is there, and nobody asked for more than ${count + 1}`)
      if (written !== version) wrong.push(`${key}: ${version} writes made it ${written}`)
    }
    expect(wrong).toEqual([])
    expect(this.refused).toEqual([])
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
  const next = (count: number) => {
    write(count).catch(error => recordRefusal(`${key}: ${error}`))
  }
  next(1)
}
