import { createHmac, timingSafeEqual } from 'node:crypto'

export interface TicketOptions {
  /** What the server was given as its ticket key. */
  readonly key: string
  /** The name of the room, as the client computes it from the invite. */
  readonly room: string
  /** In milliseconds since 1970, as `Date.now()`. Rounded down to seconds. */
  readonly expiresAt: number
}

/**
 * A ticket lets its bearer into one room until it expires; who is in by then may stay. It is the time in seconds since 1970, a
 * dot, and base64url of HMAC-SHA-256 over `flotilla-ticket-1`, that time and the room, each on a line of its own.
 */
export function createTicket({ key, room, expiresAt }: TicketOptions): string {
  const expires = Math.floor(expiresAt / 1000)
  if (!Number.isSafeInteger(expires) || expires < 0) throw new RangeError(`${expiresAt} is no time to expire at`)
  return `${expires}.${seal(key, room, `${expires}`).toString('base64url')}`
}

export type TicketVerdict = 'valid' | 'missing' | 'forged' | 'expired'

/** Good if any of the keys signed it: so a new key can be put in front before the old one is taken away. */
export function checkTicket(
  ticket: string | undefined,
  room: string,
  keys: readonly string[],
  nowMs: number,
): TicketVerdict {
  if (ticket === undefined) return 'missing'
  const [, expires, text] = /^(\d{1,15})\.([\w-]{43})$/.exec(ticket) ?? []
  if (expires === undefined || text === undefined) return 'forged'
  const given = Buffer.from(text, 'base64url')
  // All keys are tried, so that the time taken does not tell which of them it was.
  const signed = keys.filter(key => timingSafeEqual(seal(key, room, expires), given)).length > 0
  if (!signed) return 'forged'
  return Number(expires) * 1000 <= nowMs ? 'expired' : 'valid'
}

function seal(key: string, room: string, expires: string): Buffer {
  return createHmac('sha256', key).update(`flotilla-ticket-1\n${expires}\n${room}`).digest()
}
