import type { MemberId } from '../raft/types.ts'
import type { Input, ReplicaStatus } from '../replica/types.ts'
import { comesTrue } from './clock.ts'
import type { HostedMember } from './hosted-member.ts'

/** Raft gives a handover up after an election timeout of at most two seconds; then nothing will come of it. */
const stepDownMsMax = 2_500

/**
 * Hands leadership to the voter that is furthest. False if this member does not lead, nobody can be asked, or whoever was
 * asked did not take over in time.
 */
export async function stepDown(member: HostedMember, push: (input: Input) => void): Promise<boolean> {
  const before = member.replica.status()
  const to = successorOf(before)
  if (to === null) return false
  push({ kind: 'transfer', to })
  return comesTrue(() => {
    const { role, term } = member.replica.status()
    // It may have been elected anew since: then it did step down.
    return role !== 'leader' || term !== before.term
  }, stepDownMsMax)
}

/** Who needs least to take over: a voter in reach that has as much of the log as any. */
export function successorOf({ role, member: self, members }: ReplicaStatus): MemberId | null {
  if (role !== 'leader') return null
  const able = members.filter(({ member, state, connected }) => member !== self && state === 'voter' && connected)
  able.sort((a, b) => (b.position?.commit ?? 0) - (a.position?.commit ?? 0) || a.member - b.member)
  return able[0]?.member ?? null
}

/**
 * Stops this thread: no timer, no message, no write's completion is seen until it is over, as when a browser freezes a tab
 * or a machine sleeps.
 */
export function suspend(ms: number): void {
  if ('SharedArrayBuffer' in globalThis) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, ms)
    return
  }
  const until = performance.now() + ms
  while (performance.now() < until);
}
