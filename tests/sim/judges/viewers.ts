import type { ConfState, MemberId } from '../../../src/raft/types.ts'
import { roleOf } from '../../../src/replica/types.ts'
import type { Command, SystemCommand } from '../../../src/store/types.ts'
import { Violation } from '../violation.ts'

/** Under which viewers try to write. No page has this name. */
export const forgedClientId = 'f'.repeat(32)

/** Whoever was let in to look has no say. */
export function checkNoViewerVotes(member: MemberId, { voters, votersOutgoing }: ConfState): void {
  const viewer = [...voters, ...votersOutgoing].find(voter => roleOf(voter) === 'viewer')
  if (viewer !== undefined) throw new Violation('no viewer votes', `${viewer}, by ${member}`)
}

export function checkWriter(member: MemberId, command: Command | SystemCommand): void {
  if (command.clientId === forgedClientId) throw new Violation('no write of a viewer is applied', `by ${member}`)
}
