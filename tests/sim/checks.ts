import type { Entry, Index, MemberId, Term } from '../../src/raft/types.ts'
import type { Position, WalState, WalWrite } from '../../src/replica/types.ts'
import { decodeCommand } from '../../src/store/command-codec.ts'
import type { LeaseTimes } from './lease-times.ts'
import { Violation } from './violation.ts'

/** An entry as the checks remember it. */
interface Seen {
  readonly term: Term
  readonly digest: number
}

/** The log of one member in this life of it, as issued to its disk. */
interface Mirror {
  /** Index and term of what comes before `entries`. */
  base: { index: Index; term: Term }
  entries: Seen[]
  applied: Index
  /** Where snapshots from the leader let it jump to. */
  readonly installed: Set<Index>
}

/**
 * What the Raft paper promises (figure 3), and what the replica adds to it, watched from outside: by the writes members issue
 * to their disks, the entries they apply and the roles they claim. Throws `Violation`.
 */
export class Checks {
  readonly #leaseTimes: LeaseTimes
  readonly #mirrors = new Map<MemberId, Mirror>()
  readonly #leaders = new Map<Term, MemberId>()
  /** By term and index, the entry and the term of the one before it. */
  readonly #entries = new Map<string, { digest: number; previousTerm: Term | null }>()
  /** What whoever was first applied at each index; the founding snapshot is index 1. */
  readonly #committed: (Seen & { readonly hash: number })[] = []
  /** Of states first seen whole, as at the beginning of the log. */
  readonly #hashes = new Map<Index, number>()
  elections = 0
  installs = 0

  constructor(leaseTimes: LeaseTimes) {
    this.#leaseTimes = leaseTimes
  }

  get committedIndex(): Index {
    return this.#committed.length - 1 + firstIndex
  }

  started(member: MemberId, recovered: WalState): void {
    const { snapshot, entries } = recovered
    const mirror: Mirror = {
      base: { index: snapshot?.metadata.index ?? 0, term: snapshot?.metadata.term ?? 0 },
      entries: [],
      applied: snapshot?.metadata.index ?? 0,
      installed: new Set(),
    }
    this.#mirrors.set(member, mirror)
    this.#append(member, mirror, entries)
  }

  /** A member issued a write to its disk. */
  persisted(member: MemberId, write: WalWrite): void {
    const mirror = this.#mirror(member)
    if (write.install !== null) {
      const { index, term } = write.install.metadata
      if (index > this.committedIndex) throw new Violation('snapshot of committed state', `${member} installs ${index}`)
      mirror.base = { index, term }
      mirror.entries = []
      mirror.installed.add(index)
      this.installs += 1
    }
    this.#append(member, mirror, write.entries)
  }

  /** A write that a member issued is on its disk to stay, whether or not the member knows. */
  durable(_member: MemberId, _write: WalWrite): void {}

  /** A member applied an entry; `hash` is that of its state thereafter. */
  applied(member: MemberId, entry: Entry, hash: number): void {
    const { index } = entry
    const mirror = this.#mirror(member)
    if (index !== mirror.applied + 1 && !mirror.installed.has(index - 1)) {
      throw new Violation(
        'entries are applied one after the other',
        `${member} applies ${index} after ${mirror.applied}`,
      )
    }
    if (index <= mirror.applied)
      throw new Violation('applied never moves back', `${member}: ${mirror.applied}, ${index}`)
    mirror.applied = index
    const digest = digestOf(entry)
    const known = this.#committed[index - firstIndex]
    if (known === undefined) {
      this.#committed.push({ term: entry.term, digest, hash })
      if (entry.type === 'normal' && entry.data.length > 0) this.#leaseTimes.apply(entry, decodeCommand(entry.data))
      return
    }
    if (known.term !== entry.term || known.digest !== digest) {
      throw new Violation(
        'a committed entry never changes',
        `${member} applies ${entry.term}/${index}, committed was ${known.term}/${index}`,
      )
    }
    if (known.hash !== hash) throw new Violation('equal logs make equal states', `${member} at ${index}`)
  }

  /** After each turn of a member. */
  turned(member: MemberId, { role, term, applied, commit }: Position, hash: number): void {
    if (applied > commit) throw new Violation('only committed entries are applied', `${member}: ${applied} > ${commit}`)
    this.#checkHash(member, applied, hash)
    if (role !== 'leader') return
    const leader = this.#leaders.get(term)
    if (leader === undefined) {
      this.#leaders.set(term, member)
      this.elections += 1
      this.#checkCompleteness(member, term)
    } else if (leader !== member) {
      throw new Violation('one leader per term', `${leader} and ${member} in term ${term}`)
    }
  }

  #checkHash(member: MemberId, applied: Index, hash: number): void {
    const known = this.#committed[applied - firstIndex]?.hash ?? this.#hashes.get(applied)
    if (known === undefined) this.#hashes.set(applied, hash)
    else if (known !== hash) throw new Violation('equal logs make equal states', `${member} at ${applied}`)
  }

  /** A leader's log holds everything committed in earlier terms: the last such entry proves it for all before it. */
  #checkCompleteness(member: MemberId, term: Term): void {
    for (let index = this.committedIndex; index >= firstIndex; index -= 1) {
      const committed = this.#committed[index - firstIndex]
      if (committed === undefined || committed.term >= term) continue
      const { base, entries } = this.#mirror(member)
      const held = index <= base.index ? committed : entries[index - base.index - 1]
      if (held?.term === committed.term && held.digest === committed.digest) return
      throw new Violation(
        'a leader holds all that is committed',
        `${member} leads in ${term} without ${committed.term}/${index}`,
      )
    }
  }

  #append(member: MemberId, mirror: Mirror, entries: readonly Entry[]): void {
    const first = entries[0]
    if (first === undefined) return
    if (first.index <= mirror.base.index) {
      throw new Violation('a snapshot is not overwritten', `${member} writes ${first.index} under ${mirror.base.index}`)
    }
    const kept = first.index - mirror.base.index - 1
    if (kept > mirror.entries.length) throw new Violation('a log has no gaps', `${member} writes ${first.index}`)
    this.#checkTruncation(member, mirror, entries)
    mirror.entries.length = kept
    for (const entry of entries) {
      const previousTerm = mirror.entries.at(-1)?.term ?? mirror.base.term
      const digest = digestOf(entry)
      this.#checkMatching(member, entry, digest, previousTerm)
      mirror.entries.push({ term: entry.term, digest })
    }
  }

  /** What is committed and once in a log is never taken out of it by other entries. */
  #checkTruncation(member: MemberId, mirror: Mirror, entries: readonly Entry[]): void {
    const first = entries[0]?.index ?? 0
    const last = mirror.base.index + mirror.entries.length
    for (let index = first; index <= Math.min(last, this.committedIndex); index += 1) {
      const held = mirror.entries[index - mirror.base.index - 1]
      const committed = this.#committed[index - firstIndex]
      if (held === undefined || committed === undefined || held.term !== committed.term) continue
      if (entries[index - first]?.term !== committed.term) {
        throw new Violation('committed entries are not truncated', `${member} overwrites ${committed.term}/${index}`)
      }
    }
  }

  /** Entries of one index and term are the same everywhere, and so are the ones before them. */
  #checkMatching(member: MemberId, entry: Entry, digest: number, previousTerm: Term): void {
    const name = `${entry.term}/${entry.index}`
    const known = this.#entries.get(name)
    if (known === undefined) {
      this.#entries.set(name, { digest, previousTerm })
      this.#leaseTimes.proposed(entry)
    } else if (known.digest !== digest || known.previousTerm !== previousTerm) {
      throw new Violation('logs match', `${member} holds another ${name}`)
    }
  }

  #mirror(member: MemberId): Mirror {
    const mirror = this.#mirrors.get(member)
    if (mirror === undefined) throw new Error(`${member} was not started`)
    return mirror
  }
}

/** The founder's snapshot stands for index 1, so the first entry is at 2. */
const firstIndex = 2

function digestOf({ type, data }: Entry): number {
  let hash = 0x811c9dc5 ^ type.length
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
