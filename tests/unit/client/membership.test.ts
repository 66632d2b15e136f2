import { describe, expect, test } from 'vitest'
import { FlotillaError } from '../../../src/client/errors.ts'
import { defaultMembership, membershipOptions } from '../../../src/client/membership.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'
import { replicaOptions } from '../../../src/worker/policy.ts'

describe('the membership policy', () => {
  test('is as the replicas have it, where nothing is said', () => {
    expect(replicaOptions(membershipOptions())).toEqual(defaultReplicaOptions)
    expect(membershipOptions({ minVoters: 3 })).toEqual({ ...defaultMembership, minVoters: 3 })
  })

  test('reaches the replicas in their own time, in whole ticks', () => {
    const given = { targetVoters: 3, minVoters: 2, liveMs: 510, replaceMs: 600, forgetMs: Number.POSITIVE_INFINITY }
    expect(replicaOptions(membershipOptions({ ...given, promotionLagMax: 0 })).membership).toEqual({
      targetVoters: 3,
      minVoters: 2,
      liveTicks: 11,
      replaceTicks: 12,
      forgetTicks: Number.POSITIVE_INFINITY,
      promotionLagMax: 0,
    })
  })

  test.each([
    ['an even number of voters', { targetVoters: 4 }, 'targetVoters has to be odd, from 1 to 99, not 4.'],
    ['more voters than anyone needs', { targetVoters: 101 }, 'targetVoters has to be odd, from 1 to 99, not 101.'],
    ['a share of a voter', { targetVoters: 2.5 }, 'targetVoters has to be odd, from 1 to 99, not 2.5.'],
    ['no voters', { minVoters: 0 }, 'minVoters has to be from 1 to targetVoters (5), not 0.'],
    ['more than there are to be', { minVoters: 7 }, 'minVoters has to be from 1 to targetVoters (5), not 7.'],
    ['less time than members take to speak', { liveMs: 100 }, 'liveMs has to be at least 500, not 100.'],
    ['no time', { liveMs: Number.NaN }, 'liveMs has to be at least 500, not NaN.'],
    ['to replace who is there', { replaceMs: 900 }, 'replaceMs has to be at least liveMs (1000), not 900.'],
    ['to forget who was not replaced', { forgetMs: 9_000 }, 'forgetMs has to be at least replaceMs (15000), not 9000.'],
    ['to be ahead', { promotionLagMax: -1 }, 'promotionLagMax has to be a number of entries, not -1.'],
  ])('refuses %s', (_, given, message) => {
    expect(() => membershipOptions(given)).toThrow(new FlotillaError('INVALID_ARGUMENT', message))
  })
})
