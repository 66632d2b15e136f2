import { aborted, type Outcome } from './errors.ts'
import type { Readable } from './readable.ts'

/** Waits no longer than the signal says; what is waited for goes on. */
export function withAbort<R>(
  promise: Promise<R>,
  signal: AbortSignal | undefined,
  outcome: Outcome = 'definite',
): Promise<R> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(aborted(signal, outcome))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** Watches a value until `seen` makes something of it, or for so long: then it is what `late` says. Errors: `ABORTED`. */
export async function watchUntil<T, R>(
  readable: Readable<T>,
  seen: (value: T) => R | undefined,
  { msMax, late }: { readonly msMax: number; readonly late: () => R },
  signal: AbortSignal | undefined,
): Promise<R> {
  const over = new AbortController()
  const told = new Promise<R>(resolve => {
    const timer = setTimeout(() => resolve(late()), msMax)
    const unsubscribe = readable.subscribe(value => {
      const result = seen(value)
      if (result !== undefined) resolve(result)
    })
    over.signal.addEventListener('abort', () => {
      clearTimeout(timer)
      unsubscribe()
    })
  })
  return withAbort(told, signal).finally(() => over.abort())
}
