import { roomNameCharsMax, type ToServer } from '../src/net/signaling-protocol.ts'

export type Decoded =
  | { readonly ok: true; readonly message: ToServer }
  | { readonly ok: false; readonly reason: string }

/** Reads one text frame from a page. Whatever it holds, this returns and never throws. */
export function decodeToServer(text: string): Decoded {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return bad('not JSON')
  }
  if (typeof value !== 'object' || value === null) return bad('not an object')
  const { type, version, room, as, to, payload } = value as Record<string, unknown>
  switch (type) {
    case 'join':
      if (typeof version !== 'number') return bad('join without a numeric version')
      if (typeof room !== 'string' || room === '') return bad('join without a room')
      if (room.length > roomNameCharsMax) return bad(`room name above ${roomNameCharsMax} characters`)
      if (as !== 'peer' && as !== 'relay' && version !== 1) return bad('join neither as peer nor as relay')
      return { ok: true, message: { type, version, room, as: as === 'relay' ? 'relay' : 'peer' } }
    case 'send':
      if (typeof to !== 'string') return bad('send without an addressee')
      if (typeof payload !== 'string') return bad('send without a string payload')
      return { ok: true, message: { type, to, payload } }
    case 'ping':
      return { ok: true, message: { type } }
    default:
      return bad('unknown type')
  }
}

function bad(reason: string): Decoded {
  return { ok: false, reason }
}
