import { aborted, type Outcome } from './errors.ts'

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
