/**
 * A broken invariant: a bug in this code, or a disk that forgot what it had promised. The member must stop; going on could
 * spread the damage to members that are still sound.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Stays on in production. Messages are constant strings, so that a check that holds costs a comparison. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** The value, which the surrounding code has already made sure exists. */
export function present<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new InvariantError(message)
  return value
}
