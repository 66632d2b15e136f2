import { createRequire } from 'node:module'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'

/**
 * Messages as the protocol has them, by the names of its `.proto` files: int64 as decimal text, bytes as bytes, a message
 * that is not there as null. The comparison is of whole messages, so nothing here knows one kind from another.
 */
export type Field = null | boolean | number | string | Uint8Array | readonly Field[] | Message
export interface Message {
  readonly [name: string]: Field
}

const unaryPaths = {
  Range: 'KV',
  Put: 'KV',
  DeleteRange: 'KV',
  Txn: 'KV',
  Compact: 'KV',
  LeaseGrant: 'Lease',
  LeaseRevoke: 'Lease',
  LeaseTimeToLive: 'Lease',
  LeaseLeases: 'Lease',
} as const

export type UnaryMethod = keyof typeof unaryPaths

/** One method: where to send it, and how its messages are turned into bytes and back. */
export interface Method {
  readonly path: string
  readonly serialize: (request: Message) => Buffer
  readonly deserialize: (bytes: Buffer) => Message
}

export interface Protocol {
  readonly unary: Readonly<Record<UnaryMethod, Method>>
  readonly keepAlive: Method
  readonly watch: Method
}

/** Read from the text that the npm package etcd3 ships. */
export async function loadProtocol(): Promise<Protocol> {
  const file = createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto')
  const definition = await load(file, { keepCase: true, longs: String, defaults: true, oneofs: true })
  const method = (service: string, name: string): Method => {
    const found = (definition[`etcdserverpb.${service}`] as ServiceDefinition | undefined)?.[name]
    if (found === undefined) throw new Error(`${file} has no ${service}.${name}`)
    return { path: found.path, serialize: found.requestSerialize, deserialize: found.responseDeserialize }
  }
  const names = Object.keys(unaryPaths) as UnaryMethod[]
  const unary = Object.fromEntries(names.map(name => [name, method(unaryPaths[name], name)]))
  return {
    unary: unary as Record<UnaryMethod, Method>,
    keepAlive: method('Lease', 'LeaseKeepAlive'),
    watch: method('Watch', 'Watch'),
  }
}

/** An int64 field of a message; 0 if the message has no such field. */
export function integer(message: Field | undefined, name: string): number {
  const value = fieldOf(message, name)
  return typeof value === 'string' || typeof value === 'number' ? Number(value) : 0
}

export function messagesOf(message: Field | undefined, name: string): readonly Message[] {
  const value = fieldOf(message, name)
  return Array.isArray(value) ? value.filter(isMessage) : []
}

export function bytesOf(message: Field | undefined, name: string): Uint8Array {
  const value = fieldOf(message, name)
  return value instanceof Uint8Array ? value : nothing
}

export function fieldOf(message: Field | undefined, name: string): Field | undefined {
  return isMessage(message) ? message[name] : undefined
}

export function isMessage(field: Field | undefined): field is Message {
  return typeof field === 'object' && field !== null && !Array.isArray(field) && !(field instanceof Uint8Array)
}

const nothing = new Uint8Array(0)
