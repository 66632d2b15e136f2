import { FlotillaError } from './errors.ts'

/** What a member needs of the browser; `globalThis`, but for tests. */
export interface Environment {
  readonly isSecureContext?: boolean
  readonly indexedDB?: unknown
  readonly Worker?: unknown
  readonly navigator?: { readonly locks?: unknown }
  readonly crossOriginIsolated?: boolean
  readonly SharedArrayBuffer?: typeof SharedArrayBuffer
}

/**
 * Throws for the first thing missing without which no member can run. (That IndexedDB is there but refuses to open shows
 * only when the worker tries, with the same code.)
 */
export function checkEnvironment(environment: Environment = globalThis): void {
  // Browsers hide several of the others from insecure pages, so this comes first.
  if (environment.isSecureContext === false) {
    throw new FlotillaError(
      'INSECURE_CONTEXT',
      'This page is not a secure context, so the browser keeps Web Locks and cryptography from it. Serve it over https, or from localhost.',
    )
  }
  if (!has(() => environment.Worker)) {
    throw new FlotillaError(
      'WORKER_UNAVAILABLE',
      'This browser runs no Web Workers here, and the member lives in one. Use a current browser, and a page whose content security policy allows workers.',
    )
  }
  if (!has(() => environment.indexedDB)) {
    throw new FlotillaError(
      'STORAGE_UNAVAILABLE',
      'IndexedDB is not available, so the member could not keep its log. Leave private browsing, or allow this site to store data.',
    )
  }
  if (!has(() => environment.navigator?.locks)) {
    throw new FlotillaError(
      'LOCKS_UNAVAILABLE',
      'Web Locks are not available, so two tabs could speak for one member. Use a current browser.',
    )
  }
}

export function webRtcMissing(): FlotillaError {
  return new FlotillaError(
    'WEBRTC_UNAVAILABLE',
    'This browser has no WebRTC, and there is no relay, so the other members cannot be reached. Use a current browser, and check that no setting or extension turns WebRTC off.',
  )
}

/** Memory, all zeros, that a page can share with its worker; null where there is none. */
export function sharedMemory(bytes: number, environment: Environment = globalThis): SharedArrayBuffer | null {
  const { crossOriginIsolated, SharedArrayBuffer: Memory } = environment
  // Both are asked: WebKitGTK 2.50 calls a page isolated and has no shared memory for it all the same.
  return crossOriginIsolated && Memory !== undefined ? new Memory(bytes) : null
}

/** Some browsers throw when a forbidden API is so much as looked at. */
function has(api: () => unknown): boolean {
  try {
    return api() != null
  } catch {
    return false
  }
}
