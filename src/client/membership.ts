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

/** Members say where they stand this often; one cannot be found silent sooner. */
const liveMsMin = 500

/** All the numbers, checked against each other. Throws `INVALID_ARGUMENT`. */
export function membershipOptions(given: Partial<MembershipOptions> = {}): MembershipOptions {
  const options: MembershipOptions = { ...defaultMembership, ...definedOf(given) }
  const { targetVoters, minVoters, liveMs, replaceMs, forgetMs, promotionLagMax } = options
  check(
    isCount(targetVoters, 1) && targetVoters % 2 === 1,
    `targetVoters has to be an odd number, not ${targetVoters}.`,
  )
  check(
    isCount(minVoters, 1) && minVoters <= targetVoters,
    `minVoters has to be from 1 to targetVoters (${targetVoters}), not ${minVoters}.`,
  )
  check(isTime(liveMs) && liveMs >= liveMsMin, `liveMs has to be at least ${liveMsMin}, not ${liveMs}.`)
  check(
    isTime(replaceMs) && replaceMs >= liveMs,
    `replaceMs has to be at least liveMs (${liveMs}), or members that are there would lose their votes; it is ${replaceMs}.`,
  )
  check(
    isTime(forgetMs) && forgetMs >= replaceMs,
    `forgetMs has to be at least replaceMs (${replaceMs}): a voter is replaced before it is removed; it is ${forgetMs}.`,
  )
  check(isCount(promotionLagMax, 0), `promotionLagMax has to be a number of entries, not ${promotionLagMax}.`)
  return options
}

function definedOf(given: Partial<MembershipOptions>): Partial<MembershipOptions> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min
}

/** `Infinity` is never. */
function isTime(value: number): boolean {
  return typeof value === 'number' && value > 0
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new FlotillaError('INVALID_ARGUMENT', message)
}
