import { expect, test } from 'vitest'
import { type Persist, Persistence, type StorageSurroundings, storageUse } from '../../../src/client/storage.ts'

const day = 24 * 60 * 60 * 1000

class FakeBrowser implements StorageSurroundings {
  now = 0
  asked = 0
  isActive = true
  isPersisted = false
  answer = false
  readonly #kept = new Map<string, string>()

  get navigator(): StorageSurroundings['navigator'] {
    return {
      userActivation: { isActive: this.isActive },
      storage: {
        persisted: async () => this.isPersisted,
        persist: async () => {
          this.asked += 1
          return this.answer
        },
      },
    }
  }

  readonly localStorage = {
    getItem: (key: string) => this.#kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      this.#kept.set(key, value)
    },
  }

  /** A page in which so many writes are acknowledged. */
  async page(writes = 1, persist: Persist = 'ask'): Promise<void> {
    const persistence = new Persistence(persist, this, () => this.now)
    for (let i = 0; i < writes; i++) persistence.written()
    await new Promise(resolve => setImmediate(resolve))
  }
}

test('the browser is asked once, however much is written', async () => {
  const browser = new FakeBrowser()
  await browser.page(3)
  expect(browser.asked).toBe(1)
})

test('not before a write, not where the page is to ask itself, and not if it has promised already', async () => {
  const browser = new FakeBrowser()
  await browser.page(0)
  await browser.page(1, 'never')
  browser.isPersisted = true
  await browser.page(1)
  expect(browser.asked).toBe(0)
})

test('only a write that a person made counts, and a later one will do', async () => {
  const browser = new FakeBrowser()
  browser.isActive = false
  const persistence = new Persistence('ask', browser)
  persistence.written()
  browser.isActive = true
  persistence.written()
  await new Promise(resolve => setImmediate(resolve))
  expect(browser.asked).toBe(1)
})

test('a refusal counts for a week, over reloads', async () => {
  const browser = new FakeBrowser()
  await browser.page()
  browser.now = 7 * day - 1
  await browser.page()
  expect(browser.asked).toBe(1)
  browser.now = 7 * day
  await browser.page()
  expect(browser.asked).toBe(2)
})

test('a browser that knows nothing of this, or forbids it, costs no write', async () => {
  for (const storage of [undefined, {}, { persist: () => Promise.reject(new TypeError('opaque origin')) }]) {
    const navigator = { ...(storage === undefined ? {} : { storage }), userActivation: { isActive: true } }
    const localStorage = {
      getItem: () => {
        throw new Error('storage is switched off')
      },
      setItem: () => {},
    }
    new Persistence('ask', { navigator, localStorage }).written()
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(await storageUse({ navigator: {} })).toEqual({ usage: null, quota: null, persisted: null })
})

test('what is used is told as the browser tells it, as far as it does', async () => {
  const estimate = async () => ({ usage: 3, quota: 5 })
  expect(await storageUse({ navigator: { storage: { estimate, persisted: async () => true } } })).toEqual({
    usage: 3,
    quota: 5,
    persisted: true,
  })
  expect(await storageUse({ navigator: { storage: { estimate: async () => ({}) } } })).toEqual({
    usage: null,
    quota: null,
    persisted: null,
  })
})
