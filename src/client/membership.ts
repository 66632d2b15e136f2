import type { MembershipOptions } from '../worker/protocol.ts'
import { FlotillaError } from './errors.ts'

/** What is not given is as here. */
export const defaultMembership: MembershipOptions = {
  targetVoters: 5,
  minVoters: 1,
  liveMs: 1_000,
  replaceMs: 15_000,
  forgetMs: 10 * 60_000,
  promotionLagMax: 100,
}

/** Far more than make sense: each write waits for more than half of them. */
const targetVotersMax = 99

/** Members that have nothing else to say do so this often; one cannot be found silent sooner. */
const liveMsMin = 500

/** All the numbers, checked against each other. Throws `INVALID_ARGUMENT`. */
export function membershipOptions(given: Partial<MembershipOptions> = {}): MembershipOptions {
  const options = { ...defaultMembership, ...given }
  const { targetVoters, minVoters, liveMs, replaceMs, forgetMs, promotionLagMax } = options
  check(
    isCount(targetVoters, 1) && targetVoters % 2 === 1 && targetVoters <= targetVotersMax,
    `targetVoters has to be odd, from 1 to ${targetVotersMax}, not ${targetVoters}.`,
  )
  check(
    isCount(minVoters, 1) && minVoters <= targetVoters,
    `minVoters has to be from 1 to targetVoters (${targetVoters}), not ${minVoters}.`,
  )
  check(liveMs >= liveMsMin, `liveMs has to be at least ${liveMsMin}, not ${liveMs}.`)
  check(replaceMs >= liveMs, `replaceMs has to be at least liveMs (${liveMs}), not ${replaceMs}.`)
  check(forgetMs >= replaceMs, `forgetMs has to be at least replaceMs (${replaceMs}), not ${forgetMs}.`)
  check(isCount(promotionLagMax, 0), `promotionLagMax has to be a number of entries, not ${promotionLagMax}.`)
  return options
}

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new FlotillaError('INVALID_ARGUMENT', message)
}
