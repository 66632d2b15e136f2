import type { Role } from './types.ts'

/** The roles, in the words of etcd's raft. */
export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
  preCandidate: 'StatePreCandidate',
}

/**
 * Where the machine tells its story, in the words of etcd's raft, so that a trace can be laid beside one of etcd's.
 * Absent in production: no message is even built then.
 */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}
