/** The page is told of changes at most this often; a person sees no more. */
const statusIntervalMs = 100

/** Says at once that something changed, and then not again before the interval is over. */
export class StatusPost {
  readonly #send: () => void
  #timer: ReturnType<typeof setTimeout> | null = null
  #again = false

  constructor(send: () => void) {
    this.#send = send
  }

  due(): void {
    if (this.#timer !== null) {
      this.#again = true
      return
    }
    this.#timer = setTimeout(() => {
      this.#timer = null
      if (!this.#again) return
      this.#again = false
      this.due()
    }, statusIntervalMs)
    this.#send()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
