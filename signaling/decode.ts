import { roomNameCharsMax, SIGNALING_VERSION, type ToServer, ticketCharsMax } from '../src/net/signaling-protocol.ts'

export type Decoded =
  | { readonly ok: true; readonly message: ToServer }
  | { readonly ok: false; readonly reason: string }

/** Reads one text frame from a tab. Whatever it holds, this returns and never throws. */
export function decodeToServer(text: string): Decoded {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return bad('not JSON')
  }
  if (typeof value !== 'object' || value === null) return bad('not an object')
  const { type, version, room, as, ticket, to, payload } = value as Record<string, unknown>
  switch (type) {
    case 'join':
      // JSON can say 1e999.
      if (typeof version !== 'number' || !Number.isFinite(version)) return bad('join without a numeric version')
      if (typeof room !== 'string' || room === '') return bad('join without a room')
      if (room.length > roomNameCharsMax) return bad(`room name above ${roomNameCharsMax} characters`)
      // Of another version: to be told so, whatever else it says.
      if (version !== SIGNALING_VERSION) return { ok: true, message: { type, version, room, as: 'peer' } }
      if (as !== 'peer' && as !== 'relay') return bad('join neither as peer nor as relay')
      if (ticket === undefined) return { ok: true, message: { type, version, room, as } }
      if (typeof ticket !== 'string') return bad('a ticket that is no string')
      if (ticket.length > ticketCharsMax) return bad(`ticket above ${ticketCharsMax} characters`)
      return { ok: true, message: { type, version, room, as, ticket } }
    case 'send':
      if (typeof to !== 'string') return bad('send without an addressee')
      if (typeof payload !== 'string') return bad('send without a string payload')
      return { ok: true, message: { type, to, payload } }
    case 'ping':
    case 'turn':
      return { ok: true, message: { type } }
    default:
      return bad('unknown type')
  }
}

function bad(reason: string): Decoded {
  return { ok: false, reason }
}
