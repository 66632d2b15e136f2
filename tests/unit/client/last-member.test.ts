import { expect, test } from 'vitest'
import { LastMember, type TabStorage } from '../../../src/client/last-member.ts'

class Tab implements TabStorage {
  readonly items: Map<string, string>

  constructor(items: Iterable<[string, string]> = []) {
    this.items = new Map(items)
  }

  getItem(name: string): string | null {
    return this.items.get(name) ?? null
  }

  setItem(name: string, value: string): void {
    this.items.set(name, value)
  }

  /** As browsers do it: the new tab gets a copy of the storage as it is now. */
  duplicate(): Tab {
    return new Tab(this.items)
  }
}

test('a reload finds its member, and that its lock will fall free', () => {
  const tab = new Tab()
  expect(new LastMember(tab, 'c').take()).toBeNull()
  new LastMember(tab, 'c').remember(7)
  new LastMember(tab, 'c').release()
  expect(new LastMember(tab, 'c').take()).toEqual({ member: 7, released: true })
})

test('a duplicate of a living tab does not wait for a lock that stays held', () => {
  const tab = new Tab()
  const memory = new LastMember(tab, 'c')
  memory.remember(7)
  expect(new LastMember(tab.duplicate(), 'c').take()).toEqual({ member: 7, released: false })
  memory.release()
  new LastMember(tab, 'c').take()
  expect(new LastMember(tab.duplicate(), 'c').take()).toEqual({ member: 7, released: false })
})

test('clusters are remembered apart', () => {
  const tab = new Tab()
  new LastMember(tab, 'c').remember(7)
  expect(new LastMember(tab, 'd').take()).toBeNull()
})

test('without storage, or with nonsense in it, nothing is remembered and nothing breaks', () => {
  const full: TabStorage = {
    getItem: () => null,
    setItem: () => {
      throw new DOMException('full', 'QuotaExceededError')
    },
  }
  for (const storage of [null, full, new Tab([['flotilla/c', '{']]), new Tab([['flotilla/c', '{"member":"x"}']])]) {
    const memory = new LastMember(storage, 'c')
    expect(memory.take()).toBeNull()
    memory.remember(7)
    memory.release()
  }
})
