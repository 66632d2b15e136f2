import type { Random } from '../sim/random.ts'
import type { Answer, Endpoint } from './endpoint.ts'
import { type Field, isMessage, type Message } from './protocol.ts'

/**
 * A server that is wrong now and then: of its messages one in `oneIn` is altered in a single place, wherever that is. What
 * does not find that finds nothing.
 */
export function sabotaged(endpoint: Endpoint, random: Random, oneIn: number): Endpoint {
  const alter = (message: Message): Message =>
    random.chance(1 / oneIn) ? (random.pick(alterations(message)) ?? message) : message
  const answer = (given: Answer): Answer => (given.ok ? { ok: true, response: alter(given.response) } : given)
  return {
    name: `${endpoint.name}, sabotaged`,
    call: async (method, request) => answer(await endpoint.call(method, request)),
    keepAlive: async request => answer(await endpoint.keepAlive(request)),
    openWatch: (onMessage, onEnd) => endpoint.openWatch(message => onMessage(alter(message)), onEnd),
    close: () => endpoint.close(),
  }
}

/** Every message that differs from this one in one place, except for who it comes from. */
export function alterations(message: Message): Message[] {
  return Object.entries(message).flatMap(([name, field]) =>
    identities.has(name) ? [] : others(field).map(other => ({ ...message, [name]: other })),
  )
}

const identities: ReadonlySet<string> = new Set(['cluster_id', 'member_id', 'raft_term'])

function others(field: Field): Field[] {
  if (field === null) return [{}]
  if (typeof field === 'boolean') return [!field]
  if (typeof field === 'number') return [field + 1]
  if (typeof field === 'string') return [/^-?\d+$/.test(field) ? `${BigInt(field) + 100n}` : `${field}!`]
  if (field instanceof Uint8Array) return [Buffer.concat([field, Buffer.from([0])]), ...shortened(field)]
  if (isMessage(field)) return [...alterations(field), null]
  const items = [...field]
  const altered = items.flatMap((item, at) => others(item).map(other => items.with(at, other)))
  return items.length === 0 ? [] : [...altered, items.slice(1), [...items, items[0] ?? null]]
}

function shortened(bytes: Uint8Array): Uint8Array[] {
  return bytes.length === 0 ? [] : [bytes.subarray(1)]
}
