import { type AckedIndexer, JointQuorum, MajorityQuorum, type VoteResult } from '../../../src/raft/quorum.ts'
import type { Index, MemberId } from '../../../src/raft/types.ts'
import { describeAcked } from './quorum-table.ts'
import { type Directive, numberFrom, onlyArguments, ScriptError, valuesOf } from './script.ts'

/**
 * Scripts about quorums: `committed` and `vote`, on `cfg` or on `cfg` joint with `cfgj`.
 *
 * The answer alone would not say much, so each case is also computed in other ways that must agree: by another algorithm,
 * with the halves exchanged, joint with nothing or with itself, the members renamed, and with acknowledgements lowered that
 * cannot matter. A disagreement is added to the output, which then differs from what the script expects.
 */
export const QUORUM_COMMANDS: ReadonlySet<string> = new Set(['committed', 'vote'])

export function runQuorum(): (directive: Directive) => string {
  return directive => {
    const ids = membersOf(directive, 'cfg')
    const joint = valuesOf(directive, 'cfgj') !== undefined
    const idsj = membersOf(directive, 'cfgj')
    const incoming = new MajorityQuorum(ids)
    const outgoing = new MajorityQuorum(idsj)
    const config = new JointQuorum(incoming, outgoing)
    if (directive.command === 'vote') {
      onlyArguments(directive, 'cfg', 'cfgj', 'votes')
      const votes = assign(directive, 'votes', [...ids, ...idsj], config, voteFrom)
      return joint ? jointVote(config, votes) : majorityVote(incoming, votes)
    }
    onlyArguments(directive, 'cfg', 'cfgj', 'idx')
    const acked = new Acked(assign(directive, 'idx', [...ids, ...idsj], config, indexFrom))
    return joint ? jointCommitted(config, acked) : majorityCommitted(incoming, acked)
  }
}

function membersOf(directive: Directive, key: string): MemberId[] {
  const values = valuesOf(directive, key) ?? []
  return values.length === 1 && values[0] === 'zero' ? [] : values.map(value => numberFrom(value, key))
}

/** Gives each member, in order of first mention, its value; `_` is none. */
function assign<T>(
  directive: Directive,
  key: string,
  ids: readonly MemberId[],
  config: JointQuorum,
  read: (value: string) => T,
): Map<MemberId, T> {
  const values = valuesOf(directive, key) ?? []
  if (values.length !== config.members.length) {
    throw new ScriptError(`${config.members.length} members, but ${values.length} values in ${key}`)
  }
  const assigned = new Map<MemberId, T>()
  for (const [i, id] of [...new Set(ids)].entries()) {
    const value = values[i]
    if (value !== undefined && value !== '_') assigned.set(id, read(value))
  }
  return assigned
}

function indexFrom(value: string): Index {
  return numberFrom(value, 'idx')
}

function voteFrom(value: string): boolean {
  if (value !== 'y' && value !== 'n') throw new ScriptError(`unknown vote ${value}`)
  return value === 'y'
}

class Acked implements AckedIndexer {
  readonly #indexes: ReadonlyMap<MemberId, Index>

  constructor(indexes: ReadonlyMap<MemberId, Index>) {
    this.#indexes = indexes
  }

  ackedIndex(member: MemberId): Index | undefined {
    return this.#indexes.get(member)
  }

  with(member: MemberId, index: Index): Acked {
    return new Acked(new Map(this.#indexes).set(member, index))
  }

  /** The same acknowledgements, from members that carry other names. */
  renamed(rename: (member: MemberId) => MemberId): Acked {
    return new Acked(new Map([...this.#indexes].map(([member, index]) => [rename(member), index])))
  }
}

const indexText = (index: Index): string => (index === Number.POSITIVE_INFINITY ? '∞' : String(index))

/** What the other ways to compute the answer make of it, as far as they disagree. */
class CrossCheck<T> {
  readonly #answer: T
  readonly #format: (value: T) => string
  #disagreements = ''

  constructor(answer: T, format: (value: T) => string) {
    this.#answer = answer
    this.#format = format
  }

  same(value: T, way: string): this {
    if (value !== this.#answer) this.#disagreements += `${this.#format(value)} <-- via ${way}\n`
    return this
  }

  toString(): string {
    return this.#disagreements + this.#format(this.#answer)
  }
}

const EMPTY = new MajorityQuorum()
/** Names in reverse order: an answer must not hang on who is who. */
const reversed = (members: readonly MemberId[]) => (member: MemberId) => (members.at(-1) ?? 0) + 1 - member + 1_000

function majorityCommitted(quorum: MajorityQuorum, acked: Acked): string {
  const index = quorum.committedIndex(acked)
  const rename = reversed(quorum.members)
  const check = new CrossCheck(index, indexText)
    .same(committedByCounting(quorum, acked), 'counting')
    .same(new JointQuorum(quorum, EMPTY).committedIndex(acked), 'zero-joint quorum')
    .same(new JointQuorum(EMPTY, quorum).committedIndex(acked), 'joint-zero quorum')
    .same(new JointQuorum(quorum, quorum).committedIndex(acked), 'self-joint quorum')
    .same(new MajorityQuorum(quorum.members.map(rename)).committedIndex(acked.renamed(rename)), 'renaming')
  for (const member of quorum.members) {
    const own = acked.ackedIndex(member) ?? 0
    if (own === 0 || own >= index) continue
    // It did not help to reach the index, so it cannot matter how far below it is.
    check.same(quorum.committedIndex(acked.with(member, own - 1)), `lowering ${member} to ${own - 1}`)
    check.same(quorum.committedIndex(acked.with(member, 0)), `lowering ${member} to 0`)
  }
  return describeAcked(quorum.members, acked) + check
}

/** The largest acknowledged index that enough members reach: slow, and obviously right. */
function committedByCounting(quorum: MajorityQuorum, acked: AckedIndexer): Index {
  if (quorum.size === 0) return Number.POSITIVE_INFINITY
  const indexes = quorum.members.map(member => acked.ackedIndex(member) ?? 0)
  const reached = indexes.filter(index => indexes.filter(other => other >= index).length > quorum.size / 2)
  return Math.max(0, ...reached)
}

function jointCommitted(config: JointQuorum, acked: Acked): string {
  const { incoming, outgoing } = config
  const check = new CrossCheck(config.committedIndex(acked), indexText)
    .same(new JointQuorum(outgoing, incoming).committedIndex(acked), 'symmetry')
    .same(Math.min(committedByCounting(incoming, acked), committedByCounting(outgoing, acked)), 'counting')
  const [half, other] = [incoming.toString(), outgoing.toString()]
  if (half === other || other === '()') check.same(incoming.committedIndex(acked), 'one majority')
  return describeAcked(config.members, acked) + check
}

const VOTE_TEXT = { pending: 'VotePending', lost: 'VoteLost', won: 'VoteWon' } as const
const voteText = (result: VoteResult): string => VOTE_TEXT[result]

function majorityVote(quorum: MajorityQuorum, votes: ReadonlyMap<MemberId, boolean>): string {
  return new CrossCheck(quorum.voteResult(votes), voteText)
    .same(voteByTrying(new JointQuorum(quorum), votes), 'trying')
    .same(new JointQuorum(quorum, EMPTY).voteResult(votes), 'zero-joint quorum')
    .same(new JointQuorum(quorum, quorum).voteResult(votes), 'self-joint quorum')
    .toString()
}

function jointVote(config: JointQuorum, votes: ReadonlyMap<MemberId, boolean>): string {
  const { incoming, outgoing } = config
  return new CrossCheck(config.voteResult(votes), voteText)
    .same(new JointQuorum(outgoing, incoming).voteResult(votes), 'symmetry')
    .same(voteByTrying(config, votes), 'trying')
    .toString()
}

/** Won if it is even when everyone still silent refuses; lost if it is not even when all of them grant. */
function voteByTrying(config: JointQuorum, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const wonIfSilentSay = (silent: boolean): boolean =>
    [config.incoming, config.outgoing].every(({ members }) => {
      const granted = members.filter(member => votes.get(member) ?? silent).length
      return members.length === 0 || granted > members.length / 2
    })
  if (wonIfSilentSay(false)) return 'won'
  return wonIfSilentSay(true) ? 'pending' : 'lost'
}
