import { createHmac } from 'node:crypto'
import type { TurnServer } from '../src/net/signaling-protocol.ts'

export interface TurnOptions {
  /** Like `turn:turn.example.org:3478?transport=udp`. */
  readonly urls: readonly string[]
  /** coturn's `static-auth-secret`. */
  readonly secret: string
  readonly ttlSeconds: number
}

/**
 * Credentials by coturn's REST scheme (draft-uberti-behave-turn-rest-00): the name holds the time they expire, and the password
 * is an HMAC of the name, which the TURN server computes as well. The two servers share the secret and never speak.
 */
export function turnCredentials({ urls, secret, ttlSeconds }: TurnOptions, name: string, nowMs: number): TurnServer {
  const username = `${Math.floor(nowMs / 1000) + ttlSeconds}:${name}`
  const credential = createHmac('sha1', secret).update(username).digest('base64')
  return { urls, username, credential, ttlSeconds }
}
