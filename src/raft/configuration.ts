import { JointQuorum, MajorityQuorum } from './quorum.ts'
import type { ConfState, MemberId } from './types.ts'

/**
 * Who votes and who only listens. Immutable; a membership change makes a new one.
 *
 * `learnersNext` are voters of the outgoing half that become learners once the joint configuration is left: while it
 * lasts they must go on voting there, and a member is never voter and learner at once.
 */
export interface Configuration {
  readonly voters: JointQuorum
  readonly learners: ReadonlySet<MemberId>
  readonly learnersNext: ReadonlySet<MemberId>
  /** The leader leaves this joint configuration by itself as soon as it is applied. */
  readonly autoLeave: boolean
}

export const EMPTY_CONFIGURATION: Configuration = {
  voters: new JointQuorum(new MajorityQuorum()),
  learners: new Set(),
  learnersNext: new Set(),
  autoLeave: false,
}

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
}

function ascending(members: Iterable<MemberId>): MemberId[] {
  return [...members].sort((a, b) => a - b)
}

export function confStateOf(configuration: Configuration): ConfState {
  return {
    voters: configuration.voters.incoming.members,
    learners: ascending(configuration.learners),
    votersOutgoing: configuration.voters.outgoing.members,
    learnersNext: ascending(configuration.learnersNext),
    autoLeave: configuration.autoLeave,
  }
}

export function formatConfiguration(configuration: Configuration): string {
  let text = `voters=${configuration.voters}`
  if (configuration.learners.size > 0) text += ` learners=(${ascending(configuration.learners).join(' ')})`
  if (configuration.learnersNext.size > 0) text += ` learners_next=(${ascending(configuration.learnersNext).join(' ')})`
  if (configuration.autoLeave) text += ' autoleave'
  return text
}

/** As etcd's traces print it. */
export function formatConfState({ voters, learners, votersOutgoing, learnersNext, autoLeave }: ConfState): string {
  const list = (name: string, members: readonly MemberId[]) => members.map(member => `${name}:${member}`)
  return [
    ...list('voters', voters),
    ...list('learners', learners),
    ...list('voters_outgoing', votersOutgoing),
    ...list('learners_next', learnersNext),
    `auto_leave:${autoLeave}`,
  ].join(' ')
}
