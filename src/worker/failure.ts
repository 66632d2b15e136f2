import { WalError } from '../replica/types.ts'
import type { Result } from './data-protocol.ts'
import type { HostErrorCode } from './protocol.ts'

/** What a worker could not do, by the name that its page knows it by. */
export class HostFailure extends Error {
  readonly code: HostErrorCode

  constructor(code: HostErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export function failureOf(error: unknown): { readonly code: HostErrorCode; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof HostFailure) return { code: error.code, message }
  if (error instanceof WalError) {
    switch (error.code) {
      case 'NOSPACE':
      case 'CORRUPT':
      case 'EVICTED':
        return { code: error.code, message }
      case 'CLOSED':
        return { code: 'STOPPED', message }
      case 'UNAVAILABLE':
      case 'FAILED':
        return { code: 'STORAGE_UNAVAILABLE', message }
    }
  }
  return { code: 'INTERNAL', message }
}

/** A page cannot catch what is thrown here without losing its fields. */
export async function asResult<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, ...failureOf(error) }
  }
}
