import { assert } from '../raft/assert.ts'

interface Due {
  readonly id: number
  at: number
}

/** Ids in the order in which they come due. Each is in it once; moving or removing one costs the logarithm of their number. */
export class DueQueue {
  /** A binary heap, the earliest first; of those due at the same time the lowest id. */
  readonly #heap: Due[] = []
  readonly #places = new Map<number, number>()

  /** Adds the id, or moves it to another time. */
  set(id: number, at: number): void {
    const place = this.#places.get(id)
    const due = place === undefined ? { id, at } : this.#at(place)
    due.at = at
    if (place === undefined) this.#heap.push(due)
    this.#sink(this.#rise(place ?? this.#heap.length - 1, due), due)
  }

  delete(id: number): void {
    const place = this.#places.get(id)
    if (place === undefined) return
    this.#places.delete(id)
    const last = this.#heap.pop()
    if (last === undefined || last.id === id) return
    this.#sink(this.#rise(place, last), last)
  }

  clear(): void {
    this.#heap.length = 0
    this.#places.clear()
  }

  /** The id that is due first, if it is due by `now`. */
  first(now: number): number | null {
    const first = this.#heap[0]
    return first === undefined || first.at > now ? null : first.id
  }

  /** Finds the place for `due` on the way from `place` to the top. */
  #rise(place: number, due: Due): number {
    let here = place
    while (here > 0) {
      const above = (here - 1) >> 1
      const parent = this.#at(above)
      if (isBefore(parent, due)) break
      this.#put(here, parent)
      here = above
    }
    this.#put(here, due)
    return here
  }

  /** The same on the way down. */
  #sink(place: number, due: Due): void {
    let here = place
    for (;;) {
      const left = 2 * here + 1
      if (left >= this.#heap.length) break
      const right = left + 1
      const below = right < this.#heap.length && isBefore(this.#at(right), this.#at(left)) ? right : left
      const child = this.#at(below)
      if (isBefore(due, child)) break
      this.#put(here, child)
      here = below
    }
    this.#put(here, due)
  }

  #put(place: number, due: Due): void {
    this.#heap[place] = due
    this.#places.set(due.id, place)
  }

  #at(place: number): Due {
    const due = this.#heap[place]
    assert(due !== undefined, 'due queue: a place without an id')
    return due
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.id < b.id)
}
