/** A promise that was broken. Ends the run. */
export class Violation extends Error {
  override readonly name = 'Violation'
  /** Which promise, in a few words that stay the same from run to run. */
  readonly invariant: string

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`)
    this.invariant = invariant
  }
}
