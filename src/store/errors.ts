import { StoreError, type StoreErrorCode } from './types.ts'

/** etcd's own texts (`rpctypes`), so that people find the answers that already exist, and a front for its clients is exact. */
const MESSAGES: Record<StoreErrorCode, string> = {
  COMPACTED: 'etcdserver: mvcc: required revision has been compacted',
  FUTURE_REVISION: 'etcdserver: mvcc: required revision is a future revision',
  EMPTY_KEY: 'etcdserver: key is not provided',
  KEY_NOT_FOUND: 'etcdserver: key not found',
  DUPLICATE_KEY: 'etcdserver: duplicate key given in txn request',
  TOO_MANY_OPS: 'etcdserver: too many operations in txn request',
  REQUEST_TOO_LARGE: 'etcdserver: request is too large',
  NOSPACE: 'etcdserver: mvcc: database space exceeded',
  LEASE_NOT_FOUND: 'etcdserver: requested lease not found',
  LEASE_EXISTS: 'etcdserver: lease already exists',
  LEASE_TTL_TOO_LARGE: 'etcdserver: too large lease TTL',
  VALUE_PROVIDED: 'etcdserver: value is provided',
  LEASE_PROVIDED: 'etcdserver: lease is provided',
  INVALID_SORT_OPTION: 'etcdserver: invalid sort option',
  INVALID_ARGUMENT: 'the request is malformed',
  GAP: 'an earlier write of this client has not been applied',
  SESSION_EXPIRED: 'this client was forgotten, being idle while too many others wrote',
  RESULT_FORGOTTEN: 'this write was applied, but its result is no longer remembered',
}

export function storeError(code: StoreErrorCode): StoreError {
  return new StoreError(code, MESSAGES[code])
}

export function isStoreErrorCode(text: string): text is StoreErrorCode {
  return Object.hasOwn(MESSAGES, text)
}
