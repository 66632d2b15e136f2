import type { Message, UnaryMethod } from './protocol.ts'

export interface Call {
  readonly method: UnaryMethod
  readonly request: Message
}

/** One thing that is done to both servers. Its answers depend on nothing but the operations before it. */
export type Operation =
  /** Calls, each after the answer to the one before. */
  | { readonly kind: 'calls'; readonly calls: readonly Call[] }
  | { readonly kind: 'keepAlive'; readonly request: Message }
  | { readonly kind: 'watch'; readonly stream: number; readonly request: Message }
  /** Of a watch id, known or not. */
  | { readonly kind: 'cancelWatch'; readonly stream: number; readonly watchId: number }
  | { readonly kind: 'progress'; readonly stream: number }
  /** The stream with all its watches ends; the next watch on it opens it anew. */
  | { readonly kind: 'endStream'; readonly stream: number }

const reading: ReadonlySet<UnaryMethod> = new Set(['Range', 'LeaseTimeToLive', 'LeaseLeases'])

/** It changes nothing, so its order among others like it does not matter. */
export function onlyReads(operation: Operation): boolean {
  return operation.kind === 'calls' && operation.calls.every(({ method }) => reading.has(method))
}

export function compacts(operation: Operation): boolean {
  return operation.kind === 'calls' && operation.calls.some(({ method }) => method === 'Compact')
}

/** As it was asked, for people. */
export function asMessage(operation: Operation): Message {
  if (operation.kind !== 'calls') return { ...operation }
  const [first, ...more] = operation.calls.map(({ method, request }) => ({ [method]: request }))
  return more.length === 0 && first !== undefined
    ? first
    : { calls: [...(first === undefined ? [] : [first]), ...more] }
}
