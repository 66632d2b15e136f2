import type { Revision } from '../store/types.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'

/** Revisions that were asked for are no longer kept. */
export function compacted(compactRevision: Revision): FlotillaError {
  const message = `The revisions wanted are no longer kept; the oldest that can be read is ${compactRevision}.`
  return new FlotillaError('COMPACTED', message, { compactRevision })
}

/** A failed read of `revision` as its caller is to see it: a watch, unlike a read, is told which revisions are still kept. */
export function explainRead(connection: Connection, revision: Revision, error: unknown): Promise<unknown> {
  if (!(error instanceof FlotillaError) || error.code !== 'COMPACTED') return Promise.resolve(error)
  return new Promise(resolve => {
    const anyKey = { key: Uint8Array.of(0), end: null, prevKv: false, filters: [] }
    const handle = connection.watch(
      { ...anyKey, startRevision: revision },
      {
        notify: notification => {
          if (notification.kind === 'created') return
          handle.cancel()
          resolve(notification.kind === 'compacted' ? compacted(notification.compactRevision) : error)
        },
        fail: () => resolve(error),
      },
    )
    // Is answered in any case.
    handle.progress()
  })
}
