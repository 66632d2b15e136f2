interface Event {
  readonly atMs: number
  /** Events of the same moment happen in the order they were planned. */
  readonly order: number
  readonly happen: () => void
}

/** Virtual time: a queue of what is to happen when. Nothing in a simulation happens outside of it. */
export class Schedule {
  #nowMs = 0
  #order = 0
  /** A binary heap, the next event first. */
  readonly #heap: Event[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, happen: () => void): void {
    this.#order += 1
    this.#push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, happen })
  }

  /** Runs what is planned up to that moment, and what comes of it. */
  runUntil(atMs: number): void {
    for (let event = this.#heap[0]; event !== undefined && event.atMs <= atMs; event = this.#heap[0]) {
      this.#pop()
      this.#nowMs = event.atMs
      event.happen()
    }
    this.#nowMs = atMs
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || isBefore(parent, event)) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      let child = heap[childAt]
      if (child === undefined) break
      const right = heap[childAt + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        childAt += 1
      }
      if (isBefore(last, child)) break
      heap[at] = child
      at = childAt
    }
    heap[at] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
