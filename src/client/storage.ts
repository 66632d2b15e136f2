/** What this site's storage takes up, of every cluster and all else that it keeps; null where the browser does not say. */
export interface StorageUse {
  /** Bytes, roughly: browsers blur it. */
  readonly usage: number | null
  /** Bytes that it may take up at most. */
  readonly quota: number | null
  /** Whether the browser has promised not to delete it when it runs short of space. */
  readonly persisted: boolean | null
}

/** `ask`: asks the browser, once, to keep this site's storage. `never`: leaves that to the page. */
export type Persist = 'ask' | 'never'

/** A refusal is respected for this long: a browser that asks a person must not do so at every visit. */
const askAgainMs = 7 * 24 * 60 * 60 * 1000
const askedAtKey = 'flotilla/persist'

/** What is needed of the browser; `globalThis`, but for tests. */
export interface StorageSurroundings {
  readonly navigator: {
    readonly storage?: Partial<Pick<StorageManager, 'estimate' | 'persisted' | 'persist'>>
    readonly userActivation?: { readonly isActive: boolean }
  }
  readonly localStorage: Pick<Storage, 'getItem' | 'setItem'>
}

export async function storageUse({
  navigator,
}: Pick<StorageSurroundings, 'navigator'> = globalThis): Promise<StorageUse> {
  const { storage } = navigator
  const [estimate, persisted] = await Promise.all([
    storage?.estimate?.().catch(() => undefined),
    storage?.persisted?.().catch(() => undefined),
  ])
  return { usage: estimate?.usage ?? null, quota: estimate?.quota ?? null, persisted: persisted ?? null }
}

/**
 * Asks the browser to keep this site's storage when there is something in it that a person wants kept: right after the cluster
 * has acknowledged a write, and only while the browser takes the page to act on a person's behalf (a click or a key a moment ago).
 * Firefox shows a question, which then stands in a context; Chromium decides silently, by how the site is used.
 */
export class Persistence {
  readonly #surroundings: StorageSurroundings
  readonly #now: () => number
  #due: boolean

  constructor(persist: Persist, surroundings: StorageSurroundings = globalThis, now: () => number = Date.now) {
    this.#surroundings = surroundings
    this.#now = now
    this.#due = persist === 'ask'
  }

  /** The cluster has acknowledged a write of this page. */
  written(): void {
    const { navigator } = this.#surroundings
    if (!this.#due || !navigator.userActivation?.isActive) return
    this.#due = false
    // Nothing depends on the answer: what is kept is kept either way, for as long as there is space.
    this.#ask().catch(() => {})
  }

  async #ask(): Promise<void> {
    const { storage } = this.#surroundings.navigator
    if (this.#wasAsked() || (await storage?.persisted?.())) return
    if ((await storage?.persist?.()) === false) this.#remember()
  }

  #wasAsked(): boolean {
    const age = this.#now() - Number(this.#surroundings.localStorage.getItem(askedAtKey) ?? Number.NEGATIVE_INFINITY)
    return age >= 0 && age < askAgainMs
  }

  #remember(): void {
    this.#surroundings.localStorage.setItem(askedAtKey, String(this.#now()))
  }
}
