import { type DatabaseStatus, roleOf as tabRoleOf } from '../../client/flotilla.ts'
import { type Face, faceOf } from './names.ts'

type ReplicaStatus = DatabaseStatus['replica']
type MemberStatus = ReplicaStatus['members'][number]
type MemberId = MemberStatus['member']

export type MemberRole = 'leader' | 'follower' | 'candidate' | 'learner' | 'viewer' | 'unknown'
export type MemberLink = 'self' | 'hosted' | 'webrtc' | 'bridged' | 'relay' | 'indirect' | 'none'

export interface MemberView {
  readonly member: MemberId
  readonly face: Face
  readonly self: boolean
  readonly role: MemberRole
  readonly votes: boolean
  /** Null until the member told, and while it is out of reach. */
  readonly term: number | null
  readonly link: MemberLink
  /** Milliseconds. */
  readonly roundTrip: number | null
  /** Entries committed and not yet applied there; null like `term`. */
  readonly lag: number | null
  /** How far its log is committed and applied, by its own last word; null until it told. */
  readonly log: { readonly commit: number; readonly applied: number } | null
  readonly connected: boolean
}

/** `joining`: not a member yet. `electing`: a majority is in reach and chooses. `lost`: no majority is in reach. */
export type QuorumState = 'joining' | 'reached' | 'electing' | 'lost'

export interface ClusterView {
  readonly self: MemberView | null
  readonly members: readonly MemberView[]
  readonly leader: MemberView | null
  readonly term: number
  readonly revision: number
  readonly commit: number
  readonly quorum: QuorumState
  readonly voters: { readonly inReach: number; readonly total: number; readonly needed: number }
  readonly signaling: DatabaseStatus['signaling']
}

export function viewCluster(status: DatabaseStatus): ClusterView {
  const { replica, signaling } = status
  // Without a quorum, whoever is called leader is only the last one that was heard of.
  const leader = replica.quorum ? replica.leader : 0
  // Whichever member knows of the most commits: the leader, as a rule, but its word may be late.
  const commit = Math.max(replica.commit, ...replica.members.map(({ position }) => position?.commit ?? 0))
  const members = replica.members
    .map(member => viewMember(status, member, leader, commit))
    .sort((a, b) => Number(b.self) - Number(a.self) || a.member - b.member)
  const voters = replica.members.filter(({ state }) => state === 'voter')
  const inReach = voters.filter(({ member, connected }) => connected || member === replica.member).length
  const needed = Math.floor(voters.length / 2) + 1
  return {
    self: members.find(({ self }) => self) ?? null,
    members,
    leader: members.find(({ member }) => member === leader) ?? null,
    term: replica.term,
    revision: replica.revision,
    commit,
    quorum: quorumOf(replica.state === 'joining', replica.quorum, inReach >= needed),
    voters: { inReach, total: voters.length, needed },
    signaling,
  }
}

function quorumOf(joining: boolean, reached: boolean, majority: boolean): QuorumState {
  if (joining) return 'joining'
  if (reached) return 'reached'
  return majority ? 'electing' : 'lost'
}

function viewMember(tab: DatabaseStatus, status: MemberStatus, leader: MemberId, commit: number): MemberView {
  const { replica } = tab
  const self = status.member === replica.member
  const connected = self || status.connected
  const position = self ? replica : status.position
  const link = tab.links.find(({ state, members }) => state === 'up' && members.includes(status.member))
  return {
    member: status.member,
    face: faceOf(status.member),
    self,
    role: roleOf(status, position?.role ?? null, leader),
    votes: status.state === 'voter',
    term: connected ? (position?.term ?? null) : null,
    link: linkOf(self, tab.adopted.includes(status.member), status.connected, link?.kind ?? null),
    roundTrip: self ? null : (link?.roundTrip ?? null),
    log: position && { commit: position.commit, applied: position.applied },
    lag: connected && position ? Math.max(0, commit - position.applied) : null,
    connected,
  }
}

function roleOf(
  { member, state, connected }: MemberStatus,
  role: ReplicaStatus['role'] | null,
  leader: MemberId,
): MemberRole {
  if (member === leader) return 'leader'
  if (tabRoleOf(member) === 'viewer') return 'viewer'
  if (state === 'learner') return 'learner'
  if (role === 'candidate' || role === 'preCandidate') return connected ? 'candidate' : 'unknown'
  // Someone who last said "leader" and leads no longer is a follower by all that is known here.
  return role === null ? 'unknown' : 'follower'
}

function linkOf(
  self: boolean,
  hosted: boolean,
  connected: boolean,
  kind: DatabaseStatus['links'][number]['kind'] | null,
): MemberLink {
  if (self) return 'self'
  if (hosted) return 'hosted'
  if (kind) return kind
  return connected ? 'indirect' : 'none'
}
