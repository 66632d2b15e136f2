/** Svelte's store contract: `run` is called at once with the present value, then with every later one. */
export interface Readable<T> {
  subscribe(run: (value: T) => void): () => void
}

/** A value that is watched. */
export class Observable<T> implements Readable<T> {
  #value: T
  readonly #runs = new Set<{ run: (value: T) => void }>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  get observed(): boolean {
    return this.#runs.size > 0
  }

  set(value: T): void {
    this.#value = value
    for (const { run } of [...this.#runs]) {
      try {
        run(value)
      } catch (error) {
        // The subscriber's own affair: the others, and whatever set the value, go on.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  subscribe(run: (value: T) => void): () => void {
    // Wrapped, since one function may subscribe twice.
    const subscription = { run }
    this.#runs.add(subscription)
    run(this.#value)
    return () => {
      this.#runs.delete(subscription)
    }
  }
}
