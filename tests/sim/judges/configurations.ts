import { decodeConfChange } from '../../../src/raft/conf-change.ts'
import type { ConfChange, ConfState, Entry, Index, MemberId } from '../../../src/raft/types.ts'
import { Violation } from '../violation.ts'

interface Configuration {
  readonly voters: ReadonlySet<MemberId>
  /** Not empty while the configuration is joint. */
  readonly outgoing: ReadonlySet<MemberId>
  readonly learners: ReadonlySet<MemberId>
  readonly learnersNext: ReadonlySet<MemberId>
}

/**
 * The membership that the committed log leads to, worked out a second time by the rules of the thesis (chapter 4), and what it
 * means for something to be decided by it.
 */
export class Configurations {
  /** In the order of the log, the founding one first. */
  readonly #changes: { readonly index: Index; readonly configuration: Configuration }[] = []

  founded(index: Index, state: ConfState): void {
    this.#changes.push({ index, configuration: configurationOf(state) })
  }

  /** The next entry that changes the membership, as whoever is first applies it. */
  apply({ index, data }: Entry): void {
    const before = this.#changes.at(-1)?.configuration
    if (before === undefined) throw new Error('a change before the founding')
    this.#changes.push({ index, configuration: changed(before, decodeConfChange(data), index) })
  }

  /** The one that whoever has applied so much goes by. */
  at(index: Index): Configuration | null {
    for (let i = this.#changes.length - 1; i >= 0; i -= 1) {
      const change = this.#changes[i]
      if (change !== undefined && change.index <= index) return change.configuration
    }
    return null
  }

  check(member: MemberId, index: Index, state: ConfState): void {
    const expected = this.at(index)
    const actual = configurationOf(state)
    if (expected === null || describe(expected) !== describe(actual)) {
      const wanted = expected === null ? 'none' : describe(expected)
      throw new Violation(
        'equal logs make equal configurations',
        `${member} at ${index}: ${describe(actual)}, not ${wanted}`,
      )
    }
  }
}

/** Whether a majority says yes; in a joint configuration, one of each half. */
export function isDecided({ voters, votersOutgoing }: ConfState, saysYes: (member: MemberId) => boolean): boolean {
  return isMajority(voters, saysYes) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, saysYes))
}

function isMajority(voters: readonly MemberId[], saysYes: (member: MemberId) => boolean): boolean {
  let count = 0
  for (const voter of voters) if (saysYes(voter)) count += 1
  return 2 * count > voters.length
}

function changed(before: Configuration, { transition, changes }: ConfChange, index: Index): Configuration {
  const isJoint = before.outgoing.size > 0
  if (isJoint !== (changes.length === 0)) {
    throw new Violation('a joint configuration is left before the next change', `at ${index}`)
  }
  if (isJoint) {
    const learners = new Set([...before.learners, ...before.learnersNext])
    return { voters: before.voters, outgoing: new Set(), learners, learnersNext: new Set() }
  }
  const isSimple = transition === 'auto' && changes.length === 1
  const voters = new Set(before.voters)
  const learners = new Set(before.learners)
  const learnersNext = new Set<MemberId>()
  for (const { type, member } of changes) {
    const wasVoter = voters.has(member)
    if (type === 'updateMember' || (type === 'addLearner' && learners.has(member))) continue
    for (const role of [voters, learners, learnersNext]) role.delete(member)
    if (type === 'addVoter') voters.add(member)
    // Until the old half is gone it goes on voting there.
    else if (type === 'addLearner') (wasVoter && !isSimple ? learnersNext : learners).add(member)
  }
  const moved = [...voters, ...before.voters].filter(member => !voters.has(member) || !before.voters.has(member))
  if (voters.size === 0 || (isSimple && moved.length > 1)) {
    throw new Violation('one voter changes at a time, or two majorities decide', `at ${index}`)
  }
  return { voters, outgoing: isSimple ? new Set() : before.voters, learners, learnersNext }
}

function configurationOf(state: ConfState): Configuration {
  return {
    voters: new Set(state.voters),
    outgoing: new Set(state.votersOutgoing),
    learners: new Set(state.learners),
    learnersNext: new Set(state.learnersNext),
  }
}

function describe({ voters, outgoing, learners, learnersNext }: Configuration): string {
  const list = (members: ReadonlySet<MemberId>) => [...members].sort((a, b) => a - b).join(' ')
  return `voters ${list(voters)}; outgoing ${list(outgoing)}; learners ${list(learners)}; next ${list(learnersNext)}`
}
