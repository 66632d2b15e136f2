import type { AckedIndexer } from '../../../src/raft/quorum.ts'
import type { MemberId } from '../../../src/raft/types.ts'

/**
 * What each member has acknowledged, as etcd draws it: a bar as long as the number of members that have less, and `?` for
 * a member not heard from.
 */
export function describeAcked(members: readonly MemberId[], acked: AckedIndexer): string {
  if (members.length === 0) return '<empty majority quorum>'
  const width = members.length
  const indexes = members.map(member => acked.ackedIndex(member) ?? 0)
  let table = `${' '.repeat(width)}    idx\n`
  for (const member of members) {
    const index = acked.ackedIndex(member)
    const below = indexes.filter(other => other < (index ?? 0)).length
    const bar = index === undefined ? '?' : `${'x'.repeat(below)}>`
    table += `${bar.padEnd(width + 1)} ${String(index ?? 0).padStart(5)}    (id=${member})\n`
  }
  return table
}
