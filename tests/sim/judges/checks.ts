import type { ConfState, Entry, HardState, Index, MemberId, Message, Snapshot, Term } from '../../../src/raft/types.ts'
import type { PeerMessage, Position, WalState, WalWrite } from '../../../src/replica/types.ts'
import { decodeCommand } from '../../../src/store/command-codec.ts'
import { Violation } from '../violation.ts'
import { Configurations, isDecided } from './configurations.ts'
import type { LeaseTimes } from './lease-times.ts'
import { LogMirror, type Seen, seenOf } from './log-mirror.ts'
import { checkNoViewerVotes, checkWriter } from './viewers.ts'
import { Votes } from './votes.ts'

/** One member as it shows itself. What its disk holds outlives it, and the disk too: it was said, and is not unsaid. */
interface Watched {
  readonly durable: LogMirror
  /** In this life, as issued to the disk. */
  issued: LogMirror
  term: Term
  commit: Index
  applied: Index
  configuration: ConfState
  /** Before its last turn. */
  configurationBefore: ConfState
  /** What that was last found to agree with. */
  expected: unknown
  /** Where snapshots from the leader let it jump to. */
  readonly installed: Set<Index>
}

/**
 * What the Raft paper promises (figure 3), and what the replica adds to it, watched from outside: by the writes members issue
 * to their disks and what the disks have made of them, by what they tell each other, the entries they apply, and the roles
 * and positions they claim. Throws `Violation`.
 */
export class Checks {
  readonly #leaseTimes: LeaseTimes
  readonly #members = new Map<MemberId, Watched>()
  readonly #leaders = new Map<Term, MemberId>()
  #newestTerm: Term = 0
  readonly #votes = new Votes()
  readonly #configurations = new Configurations()
  /** By term and index, every entry ever issued and the term of the one before it. */
  readonly #entries = new Map<Term, Map<Index, Seen & { readonly previousTerm: Term | null }>>()
  /** The term of each index that anyone has said is committed. */
  readonly #claimed: Term[] = []
  /** And the term of who said so first. An entry may be older than the term in which it is committed. */
  readonly #claimedIn: Term[] = []
  /** What whoever was first applied at each index; the founding snapshot is index 1. */
  readonly #applied: (Seen & { readonly hash: number })[] = []
  /** Of states first seen whole, as at the beginning of the log. */
  readonly #hashes = new Map<Index, number>()
  /** The checksum that a snapshot ends with, and its length. */
  readonly #snapshots = new Map<Index, { readonly checksum: number; readonly bytes: number }>()
  elections = 0
  installs = 0

  constructor(leaseTimes: LeaseTimes) {
    this.#leaseTimes = leaseTimes
  }

  /** Up to where anyone has applied. */
  get committedIndex(): Index {
    return this.#applied.length - 1 + firstIndex
  }

  get #claimedIndex(): Index {
    return this.#claimed.length - 1 + firstIndex
  }

  /** A member begins a life with what it believes its disk to hold. */
  started(member: MemberId, recovered: WalState): void {
    const { snapshot, entries, hardState } = recovered
    const before = this.#members.get(member)
    if (before === undefined) this.#votes.durable(member, hardState)
    if (snapshot !== null && this.#configurations.at(snapshot.metadata.index) === null) {
      this.#configurations.founded(snapshot.metadata.index, snapshot.metadata.confState)
    }
    const watched: Watched = {
      durable: before?.durable ?? new LogMirror(snapshot),
      issued: new LogMirror(snapshot),
      term: hardState.term,
      commit: 0,
      applied: snapshot?.metadata.index ?? 0,
      configuration: snapshot?.metadata.confState ?? nobody,
      configurationBefore: snapshot?.metadata.confState ?? nobody,
      expected: null,
      installed: new Set(),
    }
    this.#members.set(member, watched)
    this.#issue(member, watched, entries, null)
  }

  /** What a disk gives back, which must be what it was given. */
  stored(member: MemberId, { hardState, entries }: WalState): void {
    const durable = this.#members.get(member)?.durable
    if (durable === undefined) return
    const lastIndex = entries.at(-1)?.index ?? durable.lastIndex
    const vote = this.#votes.of(member, hardState.term) ?? 0
    const isWhole = entries.every(({ index, term }) => durable.holds(index, term)) && lastIndex === durable.lastIndex
    if (!isWhole || hardState.term !== this.#votes.termOf(member) || hardState.vote !== vote) {
      throw new Violation('a disk gives back what it was given', `${member} at ${lastIndex} of ${durable.lastIndex}`)
    }
  }

  /** A member issued a write to its disk. */
  persisted(member: MemberId, { hardState, entries, install, compaction }: WalWrite): void {
    const watched = this.#member(member)
    if (install !== null) {
      this.#checkSnapshot(member, install)
      watched.issued.install(install)
      watched.installed.add(install.metadata.index)
      this.installs += 1
    }
    if (compaction !== null) this.#checkSnapshot(member, compaction.snapshot)
    this.#issue(member, watched, entries, hardState)
  }

  /** A write that a member issued is on its disk to stay, whether or not the member knows. */
  durable(member: MemberId, { hardState, entries, install }: WalWrite): void {
    const { durable } = this.#member(member)
    if (hardState !== null) this.#votes.durable(member, hardState)
    if (install !== null) durable.install(install)
    const [first] = entries
    if (first === undefined) return
    durable.cut(first.index)
    for (const { term } of entries) durable.add({ term, digest: 0, isChange: false })
  }

  /** A member sends something: what that promises must be on its disk. */
  told(member: MemberId, to: MemberId, message: PeerMessage): void {
    if (message.kind !== 'raft') return
    const { type, term, reject } = message.message
    const isPromise = type === 'MsgAppResp' || type === 'MsgVoteResp' || (type === 'MsgPreVoteResp' && reject)
    if (!isPromise) return
    const durableTerm = this.#votes.termOf(member)
    if (term > durableTerm) {
      throw new Violation('a term is durable before it is told', `${member} tells ${term}, its disk has ${durableTerm}`)
    }
    if (reject) return
    if (type === 'MsgVoteResp') this.#votes.told(member, to, term)
    if (type === 'MsgAppResp') this.#checkAcknowledgement(member, message.message)
  }

  /** A member applied an entry; `hash` is that of its state thereafter. */
  applied(member: MemberId, entry: Entry, hash: number): void {
    const { index } = entry
    const watched = this.#member(member)
    const before = watched.applied
    if (index <= before) throw new Violation('applied never moves back', `${member}: ${before}, ${index}`)
    if (index !== before + 1 && !watched.installed.has(index - 1)) {
      throw new Violation('entries are applied one after the other', `${member} applies ${index} after ${before}`)
    }
    watched.applied = index
    const seen = seenOf(entry)
    const known = this.#applied[index - firstIndex]
    if (known === undefined) {
      this.#applied.push({ ...seen, hash })
      if (seen.isChange) this.#configurations.apply(entry)
      else if (entry.data.length > 0) {
        const command = decodeCommand(entry.data)
        checkWriter(member, command)
        this.#leaseTimes.apply(entry, command)
      }
      return
    }
    if (known.term !== seen.term || known.digest !== seen.digest) {
      throw new Violation(
        'a committed entry never changes',
        `${member} applies ${seen.term}/${index}, committed was ${known.term}/${index}`,
      )
    }
    if (known.hash !== hash) throw new Violation('equal logs make equal states', `${member} at ${index}`)
  }

  /** After each turn of a member. */
  turned(member: MemberId, position: Position, configuration: ConfState, hash: number): void {
    const watched = this.#member(member)
    const { role, term, applied, commit } = position
    if (term < watched.term) throw new Violation('terms never go back', `${member}: ${watched.term}, ${term}`)
    watched.term = term
    if (applied !== watched.applied && !watched.installed.has(applied)) {
      throw new Violation('entries are applied one after the other', `${member}: ${watched.applied}, ${applied}`)
    }
    watched.applied = applied
    if (applied > commit) throw new Violation('only committed entries are applied', `${member}: ${applied} > ${commit}`)
    if (commit !== watched.commit) this.#checkCommit(member, watched, position, configuration)
    this.#checkHash(member, applied, hash)
    if (role === 'leader' && this.#leaders.get(term) !== member) this.#checkLeader(member, watched, term, configuration)
    const expected = this.#configurations.at(applied)
    if (applied > 0 && (configuration !== watched.configuration || expected !== watched.expected)) {
      checkNoViewerVotes(member, configuration)
      this.#configurations.check(member, applied, configuration)
      watched.expected = expected
    }
    watched.configurationBefore = watched.configuration
    watched.configuration = configuration
  }

  /** After a turn that began with the word that the clock had jumped. */
  resumed(member: MemberId, { role, term }: Position): void {
    // A leader that was alone when it woke may have let others in since, in the same turn.
    const { voters, votersOutgoing } = this.#member(member).configurationBefore
    const isAlone = [...voters, ...votersOutgoing].every(voter => voter === member)
    if (role === 'leader' && !isAlone) {
      throw new Violation('who was frozen does not lead', `${member} leads on in ${term}`)
    }
  }

  #checkHash(member: MemberId, applied: Index, hash: number): void {
    const known = this.#applied[applied - firstIndex]?.hash ?? this.#hashes.get(applied)
    if (known === undefined) this.#hashes.set(applied, hash)
    else if (known !== hash) throw new Violation('equal logs make equal states', `${member} at ${applied}`)
  }

  /** Equal states make equal snapshots, byte for byte, and each ends with a checksum of itself. */
  #checkSnapshot(member: MemberId, { metadata: { index, confState }, data }: Snapshot): void {
    if (index > this.committedIndex) throw new Violation('a snapshot is of committed state', `${member} at ${index}`)
    this.#configurations.check(member, index, confState)
    const bytes = data.length
    const checksum = new DataView(data.buffer, data.byteOffset + bytes - 4, 4).getUint32(0)
    const known = this.#snapshots.get(index)
    if (known === undefined) this.#snapshots.set(index, { checksum, bytes })
    else if (known.checksum !== checksum || known.bytes !== bytes) {
      throw new Violation('equal logs make equal snapshots', `${member} at ${index}`)
    }
  }

  /** An acknowledgement says that this log and its leader's are the same up to there, on this disk. */
  #checkAcknowledgement(member: MemberId, { term, index }: Message): void {
    // Under a newer term its end may have been replaced since: the disk had it, and only a leader of the past is told.
    if (this.#votes.termOf(member) > term) return
    const { durable } = this.#member(member)
    const leader = this.#leaders.get(term)
    const watched = leader === undefined ? undefined : this.#members.get(leader)
    const expected = watched?.term === term ? watched.issued.termAt(index) : null
    const isThere = expected === null ? index <= durable.lastIndex : durable.holds(index, expected)
    if (!isThere) {
      throw new Violation('entries are durable before they are acknowledged', `${member} tells ${index} in ${term}`)
    }
  }

  /** A commit index moved: it is true for good, and whoever was first to know it knew it of a majority's disks. */
  #checkCommit(member: MemberId, watched: Watched, { role, term, commit }: Position, configuration: ConfState): void {
    if (commit < watched.commit)
      throw new Violation('commit never moves back', `${member}: ${watched.commit}, ${commit}`)
    watched.commit = commit
    const { issued } = watched
    const held = issued.termAt(commit)
    if (held === null) throw new Violation('only what is in the log is committed', `${member} commits ${commit}`)
    const before = this.#claimedIndex
    for (let index = before + 1; index <= commit; index += 1) {
      const claimed = issued.termAt(index)
      if (claimed === null) throw new Violation('only what is in the log is committed', `${member} commits ${index}`)
      this.#claimed.push(claimed)
      this.#claimedIn.push(term)
    }
    if (commit < firstIndex) return
    const claimed = this.#claimed[commit - firstIndex]
    if (claimed !== held) {
      throw new Violation('a commit index is one of its own log', `${member} has ${held}/${commit}, not ${claimed}`)
    }
    if (commit <= before) return
    if (role === 'leader' && held !== term) {
      throw new Violation(
        'a leader counts copies of its own entries only',
        `${member} commits ${held}/${commit} in ${term}`,
      )
    }
    const onDisk = (voter: MemberId) => this.#members.get(voter)?.durable.holds(commit, held) === true
    // In a turn that changes the membership it may have counted by either one.
    if (!isDecided(configuration, onDisk) && !isDecided(watched.configuration, onDisk)) {
      throw new Violation('what is committed is durable on a quorum', `${held}/${commit}, by ${member}`)
    }
    const newest = this.#leaders.get(this.#newestTerm)
    const leader = newest === undefined ? undefined : this.#members.get(newest)
    if (leader?.term === this.#newestTerm && held < this.#newestTerm && !leader.issued.holds(commit, held)) {
      throw new Violation('a leader holds all that is committed', `${newest} leads without ${held}/${commit}`)
    }
  }

  #checkLeader(member: MemberId, watched: Watched, term: Term, configuration: ConfState): void {
    const other = this.#leaders.get(term)
    if (other !== undefined) throw new Violation('one leader per term', `${other} and ${member} in term ${term}`)
    this.#leaders.set(term, member)
    this.#newestTerm = Math.max(this.#newestTerm, term)
    this.elections += 1
    const votes = (voter: MemberId) => this.#votes.of(voter, term) === member
    if (!isDecided(configuration, votes) && !isDecided(watched.configuration, votes)) {
      throw new Violation('a leader has the votes of a quorum', `${member} leads in ${term}`)
    }
    this.#checkCompleteness(member, watched, term)
  }

  /** A leader's log holds everything committed in earlier terms: the last that was proves it for all before it. */
  #checkCompleteness(member: MemberId, { issued }: Watched, term: Term): void {
    for (let index = this.#claimedIndex; index >= firstIndex; index -= 1) {
      const [claimed, claimedIn] = [this.#claimed[index - firstIndex], this.#claimedIn[index - firstIndex]]
      if (claimed === undefined || claimedIn === undefined || claimedIn >= term) continue
      if (issued.holds(index, claimed)) return
      throw new Violation(
        'a leader holds all that is committed',
        `${member} leads in ${term} without ${claimed}/${index}`,
      )
    }
  }

  #issue(member: MemberId, watched: Watched, entries: readonly Entry[], hardState: HardState | null): void {
    const [first] = entries
    if (first === undefined) return
    const { issued } = watched
    const lastIndex = issued.lastIndex
    if (first.index <= lastIndex) {
      this.#checkTruncation(member, issued, entries)
      if (hardState !== null && this.#leaders.get(hardState.term) === member) {
        throw new Violation('a leader only adds to its log', `${member} overwrites ${first.index} of ${lastIndex}`)
      }
    }
    issued.cut(first.index)
    for (const entry of entries) {
      const previousTerm = issued.termAt(entry.index - 1)
      const seen = seenOf(entry)
      const isNew = this.#checkMatching(member, entry, seen, previousTerm)
      issued.add(seen)
      if (isNew && seen.isChange) this.#checkOneAtATime(member, watched, entry.index)
    }
  }

  /** What is committed and once in a log is never taken out of it by other entries. */
  #checkTruncation(member: MemberId, issued: LogMirror, entries: readonly Entry[]): void {
    const first = entries[0]?.index ?? 0
    for (let index = first; index <= Math.min(issued.lastIndex, this.#claimedIndex); index += 1) {
      const claimed = this.#claimed[index - firstIndex]
      if (claimed === undefined || issued.termAt(index) !== claimed) continue
      if (entries[index - first]?.term !== claimed) {
        throw new Violation('committed entries are not truncated', `${member} overwrites ${claimed}/${index}`)
      }
    }
  }

  /** Entries of one index and term are the same everywhere, and so are the ones before them. True for one never seen before. */
  #checkMatching(member: MemberId, entry: Entry, seen: Seen, previousTerm: Term | null): boolean {
    const { term, index } = entry
    let ofTerm = this.#entries.get(term)
    if (ofTerm === undefined) {
      ofTerm = new Map()
      this.#entries.set(term, ofTerm)
    }
    const known = ofTerm.get(index)
    if (known === undefined) {
      ofTerm.set(index, { ...seen, previousTerm })
      this.#leaseTimes.proposed(entry)
      return true
    }
    if (known.digest !== seen.digest || known.previousTerm !== previousTerm) {
      throw new Violation('logs match', `${member} holds another ${term}/${index}`)
    }
    return false
  }

  /** Thesis 4.1: whoever puts a change into the log has applied the one before it. */
  #checkOneAtATime(member: MemberId, { issued, applied }: Watched, index: Index): void {
    for (let earlier = Math.max(applied, issued.baseIndex) + 1; earlier < index; earlier += 1) {
      if (issued.at(earlier)?.isChange !== true) continue
      throw new Violation(
        'the membership changes one step at a time',
        `${member} at ${index}, before ${earlier} is applied`,
      )
    }
  }

  #member(member: MemberId): Watched {
    const watched = this.#members.get(member)
    if (watched === undefined) throw new Error(`${member} was not started`)
    return watched
  }
}

/** The founder's snapshot stands for index 1, so the first entry is at 2. */
const firstIndex = 2

const nobody: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
