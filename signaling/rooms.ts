import type { FromServer } from '../src/net/signaling-protocol.ts'

export const roomPeersMax = 128
export const serverPeersMax = 10_000

export interface Peer {
  readonly id: string
  send(message: FromServer): void
}

export type JoinResult = 'joined' | 'ROOM_FULL' | 'SERVER_FULL'

/**
 * Who is where. A room exists as long as somebody is in it, so there can be no more rooms than peers and one bound
 * serves both. Knows nothing of sockets: peers are told things through `send`.
 */
export class Rooms {
  readonly #rooms = new Map<string, Map<string, Peer>>()
  #peers = 0

  get roomCount(): number {
    return this.#rooms.size
  }

  get peerCount(): number {
    return this.#peers
  }

  /** Lets `peer` in, welcomes it with the ids of those who were there, and announces it to them. */
  join(name: string, peer: Peer): JoinResult {
    if (this.#peers >= serverPeersMax) return 'SERVER_FULL'
    const room = this.#rooms.get(name) ?? new Map<string, Peer>()
    if (room.size >= roomPeersMax) return 'ROOM_FULL'
    const others = [...room.values()]
    this.#rooms.set(name, room)
    room.set(peer.id, peer)
    this.#peers++
    peer.send({ type: 'welcome', id: peer.id, peers: others.map(other => other.id), turn: null })
    for (const other of others) other.send({ type: 'joined', id: peer.id })
    return 'joined'
  }

  leave(name: string, peer: Peer): void {
    const room = this.#rooms.get(name)
    if (!room?.delete(peer.id)) return
    this.#peers--
    if (room.size === 0) this.#rooms.delete(name)
    for (const other of [...room.values()]) other.send({ type: 'left', id: peer.id })
  }

  /** Passes `payload` on inside the room; tells the sender when the addressee is not in it. */
  pass(name: string, from: Peer, to: string, payload: string): void {
    const addressee = this.#rooms.get(name)?.get(to)
    if (addressee === undefined) from.send({ type: 'unreachable', to })
    else addressee.send({ type: 'message', from: from.id, payload })
  }
}
