import { defaultReplicaOptions, type ReplicaOptions } from '../replica/options.ts'
import { tickMs } from './clock.ts'
import type { MembershipOptions } from './protocol.ts'

/** What a member goes by, in its own time. */
export function replicaOptions(membership: MembershipOptions): ReplicaOptions {
  const { targetVoters, minVoters, liveMs, replaceMs, forgetMs, promotionLagMax } = membership
  return {
    ...defaultReplicaOptions,
    membership: {
      targetVoters,
      minVoters,
      liveTicks: ticksOf(liveMs),
      replaceTicks: ticksOf(replaceMs),
      forgetTicks: ticksOf(forgetMs),
      promotionLagMax,
    },
  }
}

function ticksOf(ms: number): number {
  return Math.ceil(ms / tickMs)
}
