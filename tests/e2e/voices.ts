import type { BrowserContext } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import type { BoardTab } from './board.ts'
import { expect } from './fixtures.ts'

/**
 * Watches that no member has two voices. First by what only a second voice could bring about: two leaders of one term, each elected
 * by a quorum, although no voter votes twice in a term. Then by the locks of the members' names, of whom the browser itself tells
 * which worker holds them.
 */
export class Voices {
  readonly #leaders = new Map<number, Set<number>>()

  /** Before the context's pages are opened; again after each start of the browser. */
  async install(context: BrowserContext): Promise<void> {
    await context.exposeFunction('leads', (term: number, leader: number) => {
      this.#leaders.set(term, (this.#leaders.get(term) ?? new Set()).add(leader))
    })
  }

  /** What the tab comes to know of leaders counts from now on, until it is gone. */
  async listen(tab: BoardTab): Promise<void> {
    await tab.page.evaluate(tellOfLeaders)
  }

  get terms(): number {
    return this.#leaders.size
  }

  /** One worker holds all that a tab speaks for, and nobody else holds any of it. */
  async checkLocks(tabs: readonly BoardTab[]): Promise<void> {
    // What a tab has adopted or let go of is told a moment later.
    await expect.poll(() => disagreements(tabs)).toEqual([])
  }

  check(): void {
    const twice = [...this.#leaders].filter(([, leaders]) => leaders.size > 1)
    expect(twice.map(([term, leaders]) => `in term ${term} led ${[...leaders].join(' and ')}`)).toEqual([])
  }
}

async function disagreements(tabs: readonly BoardTab[]): Promise<string[]> {
  const spokenFor = await Promise.all(
    tabs.map(({ page }) => page.evaluate(() => [db().member, ...db().status().adopted])),
  )
  const locks = await tabs[0]?.page.evaluate(async () => {
    const { held = [] } = await navigator.locks.query()
    return held.map(({ name = '', clientId = '' }) => ({ name, clientId }))
  })
  const holders = (member: number) => (locks ?? []).filter(({ name }) => name.endsWith(`/${member}`))
  const workers = spokenFor.map(members => new Set(members.flatMap(holders).map(({ clientId }) => clientId)))
  return [
    ...spokenFor.flat().filter(member => holders(member).length !== 1),
    ...workers.filter(({ size }) => size !== 1).map(({ size }) => `${size} workers for one tab`),
    ...(new Set(workers.flatMap(ids => [...ids])).size === tabs.length ? [] : ['one worker for two tabs']),
  ].map(String)
}

declare function db(): Database
declare function leads(term: number, leader: number): Promise<void>

/** Runs in the page. */
function tellOfLeaders(): void {
  const tell = (term: number, leader: number) => {
    if (leader !== 0) leads(term, leader).catch(() => {})
  }
  const told = new WeakSet<object>()
  db().events.subscribe(events => {
    for (const event of events) {
      if (event.kind !== 'leader' || told.has(event)) continue
      told.add(event)
      tell(event.term, event.leader)
    }
  })
  const { term, leader } = db().status().replica
  tell(term, leader)
}
