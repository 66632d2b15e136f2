/** What happened in a run, line by line, for a person to read and for two runs to be compared by. */
export class Trace {
  readonly #write: ((line: string) => void) | null

  /** Without a writer nothing is traced, and no line should be put together: ask `isOn` first on hot paths. */
  constructor(write: ((line: string) => void) | null) {
    this.#write = write
  }

  get isOn(): boolean {
    return this.#write !== null
  }

  line(atMs: number, what: string): void {
    this.#write?.(`${(atMs / 1000).toFixed(6).padStart(11)}  ${what}`)
  }
}

/** A digest of lines, to tell whether two runs were the same to the bit. */
export class LineHash {
  #hash = 0x811c9dc5
  #lines = 0

  add(line: string): void {
    this.#lines += 1
    let hash = this.#hash
    for (let i = 0; i < line.length; i += 1) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193)
    this.#hash = Math.imul(hash ^ 0x0a, 0x01000193)
  }

  get value(): string {
    return `${this.#lines}:${(this.#hash >>> 0).toString(16)}`
  }
}
