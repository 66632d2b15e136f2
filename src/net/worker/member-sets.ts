import type { MemberId } from '../../raft/types.ts'
import { setSlotsMax, type WireSet } from '../routed.ts'

/**
 * The sets of members that one end of a link has named to the other. A leader sends to the same learners again and again: a list of them
 * goes over the link once, and from then on its number does. Both ends forget the oldest when they remember `setSlotsMax`.
 */
export class SetsSent {
  readonly #slots: (readonly MemberId[])[] = []
  readonly #byHash = new Map<number, number>()
  #next = 0

  /** How to say these. What is new is remembered by `sent` only: a frame may be dropped before it is on its way. */
  say(members: readonly MemberId[]): WireSet {
    const [first] = members
    if (members.length === 1 && first !== undefined) return { kind: 'one', member: first }
    const slot = this.#byHash.get(hashOf(members))
    if (slot !== undefined && isSame(this.#slots[slot], members)) return { kind: 'known', slot }
    return { kind: 'new', slot: this.#next, members }
  }

  sent(set: WireSet): void {
    if (set.kind !== 'new') return
    const old = this.#slots[set.slot]
    if (old !== undefined && this.#byHash.get(hashOf(old)) === set.slot) this.#byHash.delete(hashOf(old))
    this.#slots[set.slot] = set.members
    this.#byHash.set(hashOf(set.members), set.slot)
    this.#next = (set.slot + 1) % setSlotsMax
  }
}

/** The other end. */
export class SetsHeard {
  readonly #slots: (readonly MemberId[])[] = []

  /** Null for a number that was never given. */
  resolve(set: WireSet): readonly MemberId[] | null {
    switch (set.kind) {
      case 'one':
        return [set.member]
      case 'new':
        this.#slots[set.slot] = set.members
        return set.members
      case 'known':
        return this.#slots[set.slot] ?? null
    }
  }
}

function isSame(a: readonly MemberId[] | undefined, b: readonly MemberId[]): boolean {
  return a !== undefined && a.length === b.length && a.every((member, at) => member === b[at])
}

/** FNV-1a over the lower halves: only to find candidates. */
function hashOf(members: readonly MemberId[]): number {
  let hash = 0x811c9dc5
  for (const member of members) hash = Math.imul(hash ^ (member | 0), 0x01000193)
  return hash
}
