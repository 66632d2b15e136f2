import type { MemberId } from '../../raft/types.ts'
import { type Neighbour, type PeerRecord, recordMembersMax, recordNeighboursMax } from '../routed.ts'

/** Peers known of at a time; later ones are not heard. */
export const peersMax = 2_048
/** Peers that said bye: what others say of them comes late. */
const departedMax = 1_024
/** A peer that has been out of reach for so long is forgotten. */
export const forgetMs = 30_000

/** A way to a peer: the first hop, which is a peer we are linked to, and the number of hops. */
export interface Way {
  readonly via: string
  readonly hops: number
}

interface Known {
  readonly record: PeerRecord
  /** When it was first seen to be out of reach. */
  lostAt: number | null
}

/**
 * Who there is, who hosts which member, and who is linked to whom, as far as they say: each peer tells of itself, and what it says is
 * passed on to everyone. Ways are shortest paths over links that both their ends have told of. Nothing leads through a
 * viewer. Sans I/O: who owns it carries what is said.
 */
export class Topology {
  readonly self: string
  readonly #known = new Map<string, Known>()
  /** Our own links that are up, and whether a viewer is at their other end. */
  readonly #links = new Map<string, boolean>()
  /** Of two who claim a member the later is right: one lock, one voice. */
  readonly #homes = new Map<MemberId, string>()
  /** Of members of ours, one at most for each: who has taken it over before we knew that we had let go of it, and claims it still. */
  readonly #heirs = new Map<MemberId, string>()
  /** Whom each peer last said it hosts. */
  readonly #claims = new Map<string, readonly MemberId[]>()
  /** Said bye, and when that was first looked at. */
  readonly #departed = new Map<string, number | null>()
  #hosted: ReadonlySet<MemberId> = new Set()
  #wanted: ReadonlySet<string> | 'all' = 'all'
  #sequence = 0
  #ways: ReadonlyMap<string, Way> | null = null
  #said: PeerRecord | null = null

  constructor(self: string) {
    this.self = self
  }

  /** The members this tab hosts, all of them. Nobody else does. */
  host(members: readonly MemberId[]): void {
    this.#hosted = new Set(members)
    for (const member of members) this.#homes.delete(member)
    for (const [member, peer] of this.#heirs) {
      if (this.#hosted.has(member)) continue
      this.#heirs.delete(member)
      this.#homes.set(member, peer)
    }
    this.#said = null
  }

  /** A link is up, or its other end hosts other members than before. */
  link(peer: string, viewer: boolean, members: readonly MemberId[]): void {
    // What it says when it comes is all new, whatever others said of it.
    const repeated = this.#links.has(peer) ? this.#claims.get(peer) : []
    this.#links.set(peer, viewer)
    this.#departed.delete(peer)
    this.#claim(peer, viewer, members, repeated ?? [])
    this.#linksChanged()
  }

  unlink(peer: string): void {
    if (!this.#links.delete(peer)) return
    this.#linksChanged()
    for (const [member, home] of this.#homes) if (home === peer) this.#passOn(member, peer)
  }

  /** It said bye, whoever it is linked to. */
  depart(peer: string): void {
    const [first] = this.#departed.keys()
    if (this.#departed.size >= departedMax && first !== undefined) this.#departed.delete(first)
    this.#departed.set(peer, null)
    this.#links.delete(peer)
    this.#forget(peer)
    this.#linksChanged()
  }

  /** Whose links this tab wants: told to the others, so that nobody ends them. */
  want(peers: readonly string[] | 'all'): void {
    this.#wanted = peers === 'all' ? peers : new Set(peers)
    this.#said = null
  }

  isWanted(peer: string): boolean {
    return this.#wanted === 'all' || this.#wanted.has(peer)
  }

  /** What this tab says of itself; a new number only if it is something new. */
  get ownRecord(): PeerRecord {
    if (this.#said !== null) return this.#said
    this.#sequence += 1
    const neighbours = [...this.#links.keys()]
      .slice(0, recordNeighboursMax)
      .map(peer => ({ peer, wanted: this.isWanted(peer) }))
    this.#said = {
      peer: this.self,
      sequence: this.#sequence,
      // What others find out about this tab counts, not what it says.
      viewer: false,
      members: [...this.#hosted].slice(0, recordMembersMax),
      neighbours,
    }
    return this.#said
  }

  /** What another says of itself, from it or passed on. True if it is news, which is then to be passed on in turn. */
  learn(record: PeerRecord): boolean {
    const { peer, sequence, viewer, members } = record
    const before = this.#known.get(peer)
    if (peer === this.self || this.#departed.has(peer)) return false
    if (before === undefined ? this.#known.size >= peersMax : before.record.sequence >= sequence) return false
    this.#known.set(peer, { record, lostAt: null })
    // Who is linked says itself, and sooner, whom it hosts.
    if (!this.#links.has(peer)) this.#claim(peer, viewer, members, this.#claims.get(peer) ?? [])
    this.#ways = null
    return true
  }

  /** What is known of all those in reach, for who does not know it yet. */
  get records(): PeerRecord[] {
    const records = [this.ownRecord]
    for (const peer of this.ways.keys()) {
      const known = this.#known.get(peer)
      if (known !== undefined) records.push(known.record)
    }
    return records
  }

  /** Ways to all peers in reach. Another map after every change. */
  get ways(): ReadonlyMap<string, Way> {
    this.#ways ??= this.#findWays()
    return this.#ways
  }

  /** The peer that hosts a member, in reach or not. Null for this tab's own, too. */
  homeOf(member: MemberId): string | null {
    return this.#homes.get(member) ?? null
  }

  /** The way to a member elsewhere; null if there is none. */
  wayTo(member: MemberId): Way | null {
    const home = this.#homes.get(member)
    return home === undefined ? null : (this.ways.get(home) ?? null)
  }

  /** Members elsewhere that can be reached, and with which peer. */
  get reach(): Map<MemberId, string> {
    const { ways } = this
    const reach = new Map<MemberId, string>()
    for (const [member, home] of this.#homes) if (ways.has(home)) reach.set(member, home)
    return reach
  }

  /** How many members are known to be with other tabs, in reach or not. */
  get membersElsewhere(): number {
    return this.#homes.size
  }

  isHosted(member: MemberId): boolean {
    return this.#hosted.has(member)
  }

  isViewer(peer: string): boolean {
    return this.#links.get(peer) ?? this.#known.get(peer)?.record.viewer ?? false
  }

  isLinked(peer: string): boolean {
    return this.#links.has(peer)
  }

  /** Those a peer says it is linked to, and whether it wants the link; of those, who say so, too. */
  neighboursOf(peer: string): ReadonlyMap<string, boolean> {
    if (peer === this.self) return new Map([...this.#links.keys()].map(other => [other, this.isWanted(other)]))
    const mutual = new Map<string, boolean>()
    for (const { peer: other, wanted } of this.#linksOf(peer)) {
      if (other === this.self ? this.#links.has(peer) : this.#says(other, peer)) mutual.set(other, wanted)
    }
    return mutual
  }

  /** To be called now and then: lets go of peers that have long been out of reach. */
  prune(nowMs: number): void {
    for (const [peer, since] of this.#departed) {
      if (since === null) this.#departed.set(peer, nowMs)
      else if (nowMs - since >= forgetMs) this.#departed.delete(peer)
    }
    for (const [peer, known] of this.#known) {
      if (this.ways.has(peer)) known.lostAt = null
      else if (known.lostAt === null) known.lostAt = nowMs
      else if (nowMs - known.lostAt >= forgetMs) this.#forget(peer)
    }
    // A tab that went before it had told of itself: nobody else can lead to it.
    for (const peer of this.#claims.keys()) if (!this.#links.has(peer) && !this.#known.has(peer)) this.#forget(peer)
  }

  #linksOf(peer: string): readonly Neighbour[] {
    return this.#known.get(peer)?.record.neighbours ?? []
  }

  /** Links are few, so looking through them costs less than another index of them. */
  #says(peer: string, other: string): boolean {
    return this.#linksOf(peer).some(neighbour => neighbour.peer === other)
  }

  #linksChanged(): void {
    this.#ways = null
    this.#said = null
  }

  #forget(peer: string): void {
    this.#known.delete(peer)
    this.#claims.delete(peer)
    for (const places of [this.#homes, this.#heirs]) {
      for (const [member, place] of places) if (place === peer) places.delete(member)
    }
  }

  /** A claim counts when it is made, not each time it is repeated. */
  #claim(peer: string, viewer: boolean, members: readonly MemberId[], repeated: readonly MemberId[]): void {
    for (const member of this.#claims.get(peer) ?? []) {
      if (members.includes(member)) continue
      if (this.#homes.get(member) === peer) this.#homes.delete(member)
      if (this.#heirs.get(member) === peer) this.#heirs.delete(member)
    }
    this.#claims.set(peer, members)
    for (const member of members) {
      if (repeated.includes(member)) continue
      if (this.#hosted.has(member)) {
        if (!viewer) this.#heirs.set(member, peer)
        continue
      }
      const home = this.#homes.get(member)
      // What an editor speaks for, a viewer cannot take.
      if (viewer && home !== undefined && this.ways.has(home) && !this.isViewer(home)) continue
      // Nor can hearsay take what a linked peer says itself: it may be of a tab that has crashed, and that not all have noticed yet.
      if (home !== undefined && this.#links.has(home) && !this.#links.has(peer)) continue
      this.#homes.set(member, peer)
    }
  }

  /** The link to its home is lost: it is with whoever else claims it and is in reach, if there is one. */
  #passOn(member: MemberId, from: string): void {
    for (const [peer, members] of this.#claims) {
      if (peer !== from && members.includes(member) && this.ways.has(peer)) this.#homes.set(member, peer)
    }
  }

  /** Breadth first, so every peer is reached by as few hops as possible, and always the same way while nothing changes. */
  #findWays(): ReadonlyMap<string, Way> {
    const ways = new Map<string, Way>()
    for (const peer of this.#links.keys()) ways.set(peer, { via: peer, hops: 1 })
    // A map's iteration takes in what is added on the way.
    for (const [peer, { via, hops }] of ways) {
      if (this.isViewer(peer)) continue
      for (const { peer: next } of this.#linksOf(peer)) {
        if (next === this.self || ways.has(next)) continue
        if (this.#says(next, peer)) ways.set(next, { via, hops: hops + 1 })
      }
    }
    return ways
  }
}
