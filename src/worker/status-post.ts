/** The page is told of changes at most this often; a person sees no more. */
const statusIntervalMs = 100
/** A status lists all members, and changes with each of them: so the more there are, the longer it can wait. */
const intervalPerMemberMs = 20

/** Says at once that something changed, and then not again before the interval is over. */
export class StatusPost {
  readonly #send: () => number
  #timer: ReturnType<typeof setTimeout> | null = null
  #again = false

  /** `send` returns how many members it told of. */
  constructor(send: () => number) {
    this.#send = send
  }

  due(): void {
    if (this.#timer !== null) {
      this.#again = true
      return
    }
    const members = this.#send()
    this.#timer = setTimeout(
      () => {
        this.#timer = null
        if (!this.#again) return
        this.#again = false
        this.due()
      },
      Math.max(statusIntervalMs, intervalPerMemberMs * members),
    )
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
