/**
 * The port by which several instances of the server share their rooms. `Rooms` knows who is here. A backplane knows who is on
 * the other instances, and carries to them what is for them. Without one, a room is what is in this process.
 *
 * Every id of a peer begins with the name of its instance (`instanceIdChars`), so what is addressed to a peer finds its way
 * without looking anything up, relays (who are in no list) included. Whether the peer is there and in that room is for the
 * instance that has it to say.
 */
export interface Backplane {
  /** The first characters of the id of every peer here. */
  readonly instance: string
  /** Whether the other instances can be reached at this moment. */
  readonly connected: boolean
  /** Before anything else, once. */
  start(rooms: SharedRooms): Promise<void>
  /**
   * From now on the others know this peer. Resolves with the ids of the room's peers on other instances, or `ROOM_FULL`; never
   * rejects. Where the others cannot be reached it resolves with those known here, at once or after `redisTimeoutMs`; those
   * missed are `found` later. What others send to the peer may arrive before this resolves.
   */
  join(room: string, id: string): Promise<readonly string[] | 'ROOM_FULL'>
  leave(room: string, id: string): void
  /** A sealed text, or a relay's frame. What cannot be delivered comes back as `unreachable`, at once or later. */
  send(room: string, from: string, to: string, payload: string | Uint8Array): void
  /** Takes all peers of this instance out of their rooms. */
  close(): Promise<void>
}

/** What a backplane asks of the rooms of this instance. Ids are those of peers elsewhere unless said otherwise. */
export interface SharedRooms {
  /** Somebody came in elsewhere. */
  joined(room: string, id: string): void
  /** Were there before and are known only now: neither side has greeted the other. */
  found(room: string, ids: readonly string[]): void
  left(room: string, id: string): void
  /** For the peer `to` of ours; false if it is not in that room, or not of the kind that takes this payload. */
  deliver(room: string, from: string, to: string, payload: string | Uint8Array): boolean
  /** What `from`, one of ours, sent to `to` did not arrive. */
  unreachable(room: string, from: string, to: string): void
}

/** Three random bytes in base64url. */
export const instanceIdChars = 4
