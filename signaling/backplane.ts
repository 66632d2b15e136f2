import { randomBytes } from 'node:crypto'

/**
 * The port by which several instances of the server share their rooms. `Rooms` knows who is here. A backplane knows who is on
 * the other instances, and carries to them what is for them. Without one, a room is what is in this process.
 *
 * Every id of a peer begins with the name of its instance, so what is addressed to a peer finds its way without looking
 * anything up, relays (who are in no list) included. Whether the peer is there and in that room is for the instance that has
 * it to say.
 */
export interface Backplane {
  /** What the id of every peer here begins with. */
  readonly instance: string
  /** Whether the other instances can be reached at this moment. */
  readonly connected: boolean
  readonly counters: Readonly<BackplaneCounters>
  /** Before anything else, once. Does not wait for the others. */
  start(rooms: SharedRooms): void
  /**
   * From now on the others know this peer. Resolves with the ids of the room's peers on other instances, or `ROOM_FULL`; never
   * rejects. Where the others cannot be reached it resolves with none, at once or within `joinTimeoutMs`; they are `found`
   * later. What others send to the peer may arrive before this resolves.
   */
  join(room: string, id: string): Promise<readonly string[] | 'ROOM_FULL'>
  leave(room: string, id: string): void
  /** A sealed text, or a relay's frame. What cannot be delivered comes back as `unreachable`, at once or later. */
  send(room: string, from: string, to: string, payload: string | Uint8Array): void
  /** Takes all peers of this instance out of their rooms. */
  close(): Promise<void>
}

/** What a backplane asks of the rooms of this instance. The peers it speaks of are elsewhere unless said otherwise. */
export interface SharedRooms {
  /** Were there before and are known only now: neither side has greeted the other. */
  found(room: string, ids: readonly string[]): void
  left(room: string, id: string): void
  /** For `to`, one of ours; false if it is not in that room, or not of the kind that takes such a payload. */
  deliver(room: string, from: string, to: string, payload: string | Uint8Array): boolean
  /** What `from`, one of ours, sent to `to` did not arrive. */
  unreachable(room: string, from: string, to: string): void
}

export interface BackplaneCounters {
  /** To and from other instances. */
  sent: number
  received: number
  /** Not sent, because the other instances could not be reached or too much was under way. */
  dropped: number
  /** From a server of another version, or from nobody we know. */
  undecodable: number
  /** Times that the others came into reach. */
  connections: number
}

const idBytes = 9
/** 30 bits: of a hundred instances two share a name once in 200,000 times. The other 42 tell the peers of one room apart. */
export const instanceChars = 5

export function newInstanceName(): string {
  return randomBytes(idBytes).toString('base64url').slice(0, instanceChars)
}

export function newPeerId(instance: string): string {
  return instance + randomBytes(idBytes).toString('base64url').slice(instanceChars)
}
