import type { Call } from './model.ts'

/**
 * The invocations and returns of a history in their order, as a doubly linked list from which a call is lifted in constant
 * time and put back just as fast (G. Lowe, Testing for Linearizability, 2017). Calls are numbers here, in the order of their
 * returns: call `i` is the `i`-th to return. Open calls are not in the list, as nothing ever waits for them.
 */
export class EventList {
  /** The node of a call's invocation is `2 * call`, that of its return `2 * call + 1`. */
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** Before the first node and behind the last. */
  readonly #end: number

  constructor(calls: readonly Call<unknown>[]) {
    const places = calls.flatMap(({ invoked, returned }, call) => {
      if (returned === null || returned <= invoked) throw new Error('a call in the list returns, after it was invoked')
      return [
        { node: 2 * call, at: invoked },
        { node: 2 * call + 1, at: returned },
      ]
    })
    places.sort((a, b) => a.at - b.at)
    this.#end = 2 * calls.length
    this.#next = new Int32Array(this.#end + 1)
    this.#previous = new Int32Array(this.#end + 1)
    let last = this.#end
    for (const { node } of places) {
      this.#next[last] = node
      this.#previous[node] = last
      last = node
    }
    this.#next[last] = this.#end
    this.#previous[this.#end] = last
  }

  /**
   * Fills `calls` with those that may come next in the order of effects: all that were invoked before any of the calls
   * still in the list returned. Gives that first one to return, or null if the list is empty.
   */
  candidates(calls: number[]): number | null {
    calls.length = 0
    let node = this.#next[this.#end] ?? this.#end
    while (node !== this.#end && (node & 1) === 0) {
      calls.push(node >> 1)
      node = this.#next[node] ?? this.#end
    }
    return node === this.#end ? null : node >> 1
  }

  lift(call: number): void {
    this.#unlink(2 * call)
    this.#unlink(2 * call + 1)
  }

  /** Calls are put back in the opposite order of their lifting. */
  putBack(call: number): void {
    this.#relink(2 * call + 1)
    this.#relink(2 * call)
  }

  #unlink(node: number): void {
    const next = this.#next[node] ?? this.#end
    const previous = this.#previous[node] ?? this.#end
    this.#next[previous] = next
    this.#previous[next] = previous
  }

  #relink(node: number): void {
    this.#next[this.#previous[node] ?? this.#end] = node
    this.#previous[this.#next[node] ?? this.#end] = node
  }
}
