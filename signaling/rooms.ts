import type { FromServer, JoinAs } from '../src/net/signaling-protocol.ts'
import type { Backplane, SharedRooms } from './backplane.ts'
import type { Limits } from './limits.ts'
import { News } from './news.ts'

/** What may be kept for a peer while other instances are asked who is in its room. */
const earlyMessagesMax = 32

export interface Peer {
  readonly id: string
  /** In, with these others. Before this it is told nothing. */
  welcome(peers: readonly string[]): void
  send(message: FromServer): void
  sendRelayed(from: string, payload: Uint8Array): void
}

export type JoinResult = 'joined' | 'ROOM_FULL' | 'SERVER_FULL'

interface Member {
  readonly peer: Peer
  readonly as: JoinAs
  /** What others have sent before its welcome, and will be passed on after it; null once it is welcome. */
  early: FromServer[] | null
}

type Room = Map<string, Member>

/**
 * Who is where. A room exists as long as somebody is in it, so there can be no more rooms than peers and one bound
 * serves both. Knows nothing of sockets: peers are told things through `Peer`, and what is on other instances of the server is
 * behind a `Backplane`.
 */
export class Rooms implements SharedRooms {
  readonly #rooms = new Map<string, Room>()
  readonly #limits: Pick<Limits, 'peersMax' | 'roomPeersMax'>
  readonly #backplane: Backplane | null
  readonly #news = new News()
  #counts: Record<JoinAs, number> = { peer: 0, relay: 0 }

  constructor(limits: Pick<Limits, 'peersMax' | 'roomPeersMax'>, backplane: Backplane | null = null) {
    this.#limits = limits
    this.#backplane = backplane
    backplane?.start(this)
  }

  get roomCount(): number {
    return this.#rooms.size
  }

  get peerCount(): number {
    return this.#counts.peer
  }

  get relayCount(): number {
    return this.#counts.relay
  }

  /** Here, not on other instances. */
  peersIn(name: string): number {
    return this.#rooms.get(name)?.size ?? 0
  }

  /**
   * Lets `peer` in and welcomes it with the ids of those who were there, if it is no relay. They hear of it when it greets them. It may
   * be taken out by `leave` before this resolves.
   */
  async join(name: string, peer: Peer, as: JoinAs): Promise<JoinResult> {
    if (this.#counts.peer + this.#counts.relay >= this.#limits.peersMax) return 'SERVER_FULL'
    const room = this.#rooms.get(name) ?? new Map<string, Member>()
    if ([...room.values()].filter(member => member.as === as).length >= this.#limits.roomPeersMax) return 'ROOM_FULL'
    const member: Member = { peer, as, early: as === 'peer' ? [] : null }
    this.#rooms.set(name, room)
    room.set(peer.id, member)
    this.#counts[as]++
    if (as === 'relay') {
      peer.welcome([])
      return 'joined'
    }
    const elsewhere = this.#backplane === null ? [] : await this.#backplane.join(name, peer.id)
    if (elsewhere === 'ROOM_FULL') {
      this.leave(name, peer)
      return 'ROOM_FULL'
    }
    this.#welcome(room, member, elsewhere)
    return 'joined'
  }

  leave(name: string, peer: Peer): void {
    const room = this.#rooms.get(name)
    const member = room?.get(peer.id)
    if (room === undefined || member === undefined) return
    room.delete(peer.id)
    this.#counts[member.as]--
    if (room.size === 0) this.#rooms.delete(name)
    if (member.as === 'relay') return
    this.#backplane?.leave(name, peer.id)
    // Who was not welcome yet has greeted nobody here.
    if (member.early === null) this.left(name, peer.id)
  }

  /**
   * Passes a text from peer to peer or bytes from relay to relay, inside the room; tells the sender when the addressee is not in
   * it.
   */
  pass(name: string, from: Peer, to: string, payload: string | Uint8Array): void {
    if (this.deliver(name, from.id, to, payload)) return
    if (this.#backplane === null || to.startsWith(this.#backplane.instance)) from.send({ type: 'unreachable', to })
    else this.#backplane.send(name, from.id, to, payload)
  }

  found(name: string, peers: readonly string[]): void {
    this.#announce(name, { type: 'found', peers })
  }

  left(name: string, id: string): void {
    this.#announce(name, { type: 'left', id })
  }

  deliver(name: string, from: string, to: string, payload: string | Uint8Array): boolean {
    const member = this.#rooms.get(name)?.get(to)
    if (member === undefined) return false
    const text = typeof payload === 'string'
    if (text !== (member.as === 'peer')) return false
    if (text) tell(member, { type: 'message', from, payload })
    else member.peer.sendRelayed(from, payload)
    return true
  }

  unreachable(name: string, from: string, to: string): void {
    const member = this.#rooms.get(name)?.get(from)
    if (member !== undefined) tell(member, { type: 'unreachable', to })
  }

  #welcome(room: Room, member: Member, elsewhere: readonly string[]): void {
    const { peer } = member
    // It may have left while the others were asked.
    if (room.get(peer.id) !== member) return
    const here = this.#welcomed(room)
    peer.welcome([...here.map(other => other.peer.id), ...elsewhere])
    const early = member.early ?? []
    member.early = null
    for (const message of early) peer.send(message)
  }

  /** Whoever is not welcome yet will be told by its welcome. */
  #announce(name: string, message: FromServer): void {
    this.#news.spread(() => {
      const told = this.#welcomed(this.#rooms.get(name))
      for (const { peer } of told) peer.send(message)
      return told.length
    })
  }

  /** A list of its own: telling a peer may end another. */
  #welcomed(room: Room | undefined): Member[] {
    return [...(room?.values() ?? [])].filter(({ as, early }) => as === 'peer' && early === null)
  }
}

function tell({ peer, early }: Member, message: FromServer): void {
  if (early === null) peer.send(message)
  else if (early.length < earlyMessagesMax) early.push(message)
}
