import type {
  DeleteResponse,
  KeyValue,
  PutResponse,
  RangeResponse,
  ResponseOp,
  TxnResponse,
  WatchEvent,
} from '../src/store/types.ts'
import type * as wire from './wire.ts'

/** From the store's answers to etcd's. An answer within a transaction has a header that says its revision and no more. */

export function fromRange(response: RangeResponse, header: wire.Header): wire.RangeResponse {
  return { header, kvs: response.kvs.map(fromKeyValue), more: response.more, count: response.count }
}

export function fromPut(response: PutResponse, header: wire.Header): wire.PutResponse {
  return { header, prev_kv: response.prevKv === null ? null : fromKeyValue(response.prevKv) }
}

export function fromDelete(response: DeleteResponse, header: wire.Header): wire.DeleteRangeResponse {
  return { header, deleted: response.deleted, prev_kvs: response.prevKvs.map(fromKeyValue) }
}

export function fromTxn(response: TxnResponse, header: wire.Header): wire.TxnResponse {
  return { header, succeeded: response.succeeded, responses: response.responses.map(fromOp) }
}

export function fromEvent({ type, kv, prevKv }: WatchEvent): wire.Event {
  return { type: type === 'put' ? 0 : 1, kv: fromKeyValue(kv), prev_kv: prevKv === null ? null : fromKeyValue(prevKv) }
}

function fromOp(response: ResponseOp): wire.ResponseOp {
  const { revision } = response.header
  switch (response.op) {
    case 'range':
      return { response_range: fromRange(response, { revision }) }
    case 'put':
      return { response_put: fromPut(response, { revision }) }
    case 'delete':
      return { response_delete_range: fromDelete(response, { revision }) }
    case 'txn':
      // As etcd has it: there, but empty.
      return { response_txn: fromTxn(response, {}) }
  }
}

function fromKeyValue(kv: KeyValue): wire.KeyValue {
  return {
    key: kv.key,
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  }
}
