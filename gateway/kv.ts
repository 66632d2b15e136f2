import { fromDelete, fromPut, fromRange, fromTxn } from './answers.ts'
import { type Endpoint, headerOf, unary } from './endpoint.ts'
import { integer, toDelete, toPut, toRange, toTxn } from './requests.ts'
import type * as wire from './wire.ts'

/** etcd's service `KV`. */
export function kvService(endpoint: Endpoint) {
  const { client } = endpoint
  const header = (response: { readonly header: { readonly revision: number } }) =>
    headerOf(endpoint, response.header.revision)
  return {
    Range: unary<wire.RangeRequest, wire.RangeResponse>(async request => {
      const response = await client.read(toRange(request), { serializable: request.serializable })
      return fromRange(response, header(response))
    }),
    Put: unary<wire.PutRequest, wire.PutResponse>(async request => {
      const response = await client.write(toPut(request))
      return fromPut(response, header(response))
    }),
    DeleteRange: unary<wire.DeleteRangeRequest, wire.DeleteRangeResponse>(async request => {
      const response = await client.write(toDelete(request))
      return fromDelete(response, header(response))
    }),
    Txn: unary<wire.TxnRequest, wire.TxnResponse>(async request => {
      const response = await client.write(toTxn(request))
      return fromTxn(response, header(response))
    }),
    /** `physical` asks to wait until the space is free; here it counts as free at once. */
    Compact: unary<wire.CompactionRequest, wire.Done>(async request => {
      const response = await client.write({ op: 'compact', revision: integer('revision', request.revision) })
      return { header: header(response) }
    }),
  }
}
