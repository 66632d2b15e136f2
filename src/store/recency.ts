/** One thing's place in a `Recency`. */
export class Place<T> {
  readonly of: T
  older: Place<T> | null = null
  newer: Place<T> | null = null
  isIn = false

  constructor(of: T) {
    this.of = of
  }
}

/**
 * Things from the least to the most recently touched, as a linked list: touching allocates nothing. A `Map` that is deleted
 * from and set again does: V8 copies it as it shrinks or fills, and copies of an old one take a full collection to get rid of.
 */
export class Recency<T> {
  #oldest: Place<T> | null = null
  #newest: Place<T> | null = null

  get oldest(): T | null {
    return this.#oldest === null ? null : this.#oldest.of
  }

  /** Puts it last, whether it was in or not. */
  touch(place: Place<T>): void {
    if (this.#newest === place) return
    this.remove(place)
    place.isIn = true
    place.older = this.#newest
    if (this.#newest === null) this.#oldest = place
    else this.#newest.newer = place
    this.#newest = place
  }

  /** Does nothing if it is not in. */
  remove(place: Place<T>): void {
    if (!place.isIn) return
    if (place.older === null) this.#oldest = place.newer
    else place.older.newer = place.newer
    if (place.newer === null) this.#newest = place.older
    else place.newer.older = place.older
    place.older = null
    place.newer = null
    place.isIn = false
  }

  *[Symbol.iterator](): Generator<T> {
    for (let place = this.#oldest; place !== null; place = place.newer) yield place.of
  }
}
