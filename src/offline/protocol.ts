/** What a page says to the service worker of its origin. */
export type ToServiceWorker =
  /** Do these files, by their addresses, belong to the newest version there is here? Answered on the port: a boolean. */
  | { readonly type: 'isNewest'; readonly files: readonly string[] }
  /** This page is up. If every page runs the newest version, the files of others can go. */
  | { readonly type: 'tidy' }
  /** This page was loaded past the service worker, which is to answer for it from now on. */
  | { readonly type: 'claim' }

const runningLockPrefix = 'flotilla.running '

/**
 * A Web Lock that each page holds for its life, shared: it names the files that the page was made of. While somebody runs a
 * version its files stay, since a worker that ended is started anew from them.
 */
export function runningLock(files: readonly string[]): string {
  return runningLockPrefix + files.join(' ')
}

/** Of what files the page is made that holds this lock; null if the lock is about something else. */
export function filesRunning(lock: string): string[] | null {
  return lock.startsWith(runningLockPrefix) ? lock.slice(runningLockPrefix.length).split(' ') : null
}
