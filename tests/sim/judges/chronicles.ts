import type { ConfState, MemberId, Term } from '../../../src/raft/types.ts'
import type { ClusterEvent, MembershipChange, Output, Position } from '../../../src/replica/types.ts'
import { Violation } from '../violation.ts'

type Roles = Map<MemberId, 'voter' | 'learner'>

/** What one member has told in this life. */
interface Told {
  /** What its words on the membership come to; null before its first turn, in which it catches up with its own log. */
  roles: Roles | null
  leader: MemberId
  leaderTerm: Term
  hasQuorum: boolean
}

/** Members tell what happens to their cluster, for people to read: whoever believes them knows what is so. */
export class Chronicles {
  readonly #told = new Map<MemberId, Told>()

  /** A member begins a life. */
  started(member: MemberId): void {
    this.#told.set(member, { roles: null, leader: 0, leaderTerm: 0, hasQuorum: false })
  }

  /** After each of its turns. */
  turned(
    member: MemberId,
    is: { readonly position: Position; readonly configuration: ConfState; readonly hasQuorum: boolean },
    outputs: readonly Output[],
  ): void {
    const told = this.#told.get(member)
    if (told === undefined) throw new Error(`${member} has not been started`)
    const events = outputs.flatMap(output => (output.kind === 'event' ? [output.event] : []))
    for (const event of events) this.#take(member, told, event, events)
    this.#checkLeader(member, told, is.position)
    if (told.hasQuorum !== is.hasQuorum) {
      throw new Violation('members tell whether there is a quorum', `${member} told ${told.hasQuorum}`)
    }
    const roles = rolesOf(is.configuration)
    // Its knowledge begins with the state it is given.
    if (told.roles === null || told.roles.size === 0) told.roles = roles
    else if (events.length > 0 && describe(told.roles) !== describe(roles)) {
      throw new Violation('members tell who is in', `${member}: ${describe(told.roles)}, not ${describe(roles)}`)
    }
  }

  #take(member: MemberId, told: Told, event: ClusterEvent, events: readonly ClusterEvent[]): void {
    switch (event.kind) {
      case 'leader':
        told.leader = event.leader
        told.leaderTerm = event.term
        return
      case 'quorum':
        if (event.reached === told.hasQuorum) throw new Violation('nothing is told twice', `${member}: the quorum`)
        told.hasQuorum = event.reached
        return
      case 'membership': {
        const isFromSnapshot = events.some(
          ({ kind, ...other }) => kind === 'snapshot' && 'index' in other && other.index === event.index,
        )
        for (const change of event.changes) {
          if (change.reason === 'unknown' && !isFromSnapshot) {
            throw new Violation('members tell why', `${member} at ${event.index}: ${change.member} ${change.change}`)
          }
          if (told.roles !== null && told.roles.size > 0) make(change, told.roles)
        }
        return
      }
      case 'withheld':
      case 'snapshot':
      case 'refused':
        return
      default:
        event satisfies never
    }
  }

  #checkLeader(member: MemberId, { leader, leaderTerm }: Told, { role, term }: Position): void {
    const isTold = leader === member && leaderTerm === term
    if ((role === 'leader') !== isTold) {
      throw new Violation('members tell who leads', `${member}, ${role} in ${term}: ${leader} in ${leaderTerm}`)
    }
  }
}

function make({ member, change }: MembershipChange, roles: Roles): void {
  if (change === 'removed') roles.delete(member)
  else roles.set(member, change === 'promoted' ? 'voter' : 'learner')
}

/** As they will be once the cluster has moved over. */
function rolesOf({ voters, learners, learnersNext }: ConfState): Roles {
  const roles: Roles = new Map()
  for (const member of [...learners, ...learnersNext]) roles.set(member, 'learner')
  for (const member of voters) roles.set(member, 'voter')
  return roles
}

function describe(roles: Roles): string {
  return [...roles]
    .sort(([a], [b]) => a - b)
    .map(([member, role]) => `${member} ${role}`)
    .join()
}
