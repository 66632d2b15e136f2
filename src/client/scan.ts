import type { Header, RangeRequest, RangeResponse, Revision } from '../store/types.ts'
import { FlotillaError } from './errors.ts'
import type { KeyVersion } from './keyspace.ts'
import type { Abortable, Consistency } from './namespace.ts'

export interface ScanOptions extends Consistency, Abortable {
  /** Keys in a page; the last one may have fewer. */
  readonly pageSize?: number
  /** Scan what was there as of this revision, instead of now. */
  readonly revision?: Revision
  /** Leave the values out. */
  readonly keysOnly?: boolean
}

/** Some keys, in order, as of one revision: the same one for all pages of a scan. */
export interface ScanPage<K extends KeyVersion> {
  readonly header: Header
  readonly kvs: readonly K[]
}

export const scanPageKeys = 1_000

/**
 * A range in pieces, each asked for when it is wanted, all of them as of the revision of the first. `request` is of the first
 * page.
 */
export async function* scan<K extends KeyVersion>(
  request: RangeRequest,
  read: (request: RangeRequest) => Promise<RangeResponse>,
  toKv: (kv: RangeResponse['kvs'][number]) => K,
): AsyncGenerator<ScanPage<K>, void, undefined> {
  if (request.limit === 0) throw new FlotillaError('INVALID_ARGUMENT', 'A page has at least one key.')
  let next: RangeRequest | null = request
  while (next !== null) {
    const response: RangeResponse = await read(next)
    const revision: Revision = next.revision === 0 ? response.header.revision : next.revision
    yield { header: { revision }, kvs: response.kvs.map(toKv) }
    const last: Uint8Array | undefined = response.kvs.at(-1)?.key
    next = response.more && last !== undefined ? { ...next, revision, key: after(last) } : null
  }
}

/** The smallest key greater than this one. */
export function after(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
