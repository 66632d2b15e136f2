import type { DataControl, Result } from '../worker/data-protocol.ts'
import { FlotillaError } from './errors.ts'
import { startWorker } from './worker-host.ts'

/** Asks something of a worker that is there for nothing else. */
export async function askWorker<T>(ask: (control: DataControl) => Promise<Result<T>>): Promise<T> {
  const host = startWorker(() => {})
  try {
    return unwrap(await Promise.race([ask(host.control), host.ended]))
  } finally {
    host.terminate()
  }
}

export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FlotillaError(result.code, result.message)
}
