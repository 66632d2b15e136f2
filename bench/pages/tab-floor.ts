/** What the page asks its worker: to store so many bytes, or, with null, to read all that is stored. */
export type ToTabFloorWorker = { readonly bytes: number | null }

/** What no page can do without whose data are kept by a worker: start it, have it open its database, and read. */
class TabFloorPage {
  readonly #worker = new Worker(new URL('./tab-floor-worker.ts', import.meta.url), { type: 'module' })
  /** Milliseconds from the start of the navigation to the answer. */
  readonly read: Promise<number> = this.#ask({ bytes: null }).then(() => performance.now())

  async fill(bytes: number): Promise<void> {
    await this.#ask({ bytes })
  }

  async memoryBytes(): Promise<number> {
    const { bytes } = await performance.measureUserAgentSpecificMemory()
    return bytes
  }

  #ask(request: ToTabFloorWorker): Promise<void> {
    return new Promise(resolve => {
      this.#worker.addEventListener('message', () => resolve(), { once: true })
      this.#worker.postMessage(request)
    })
  }
}

declare global {
  interface Window {
    benchTabFloor: TabFloorPage
  }
}

window.benchTabFloor = new TabFloorPage()
