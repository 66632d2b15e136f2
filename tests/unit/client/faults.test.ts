import { expect, test } from 'vitest'
import { Faults } from '../../../src/client/faults.ts'

/** A page whose worker does as it is told. */
function setUp() {
  const calls: string[] = []
  const control = {
    stepDown: async () => {
      calls.push('stepDown')
      return true
    },
    suspend: async (ms: number) => {
      calls.push(`suspend ${ms}`)
    },
    cutLink: async (peer: string) => {
      calls.push(`cut ${peer}`)
    },
    mendLink: async (peer: string) => {
      calls.push(`mend ${peer}`)
    },
  }
  const faults = new Faults({
    network: { connect: () => calls.push('connect'), disconnect: () => calls.push('disconnect') },
    worker: { ask: question => question(control), crash: () => calls.push('crash') },
  })
  return { calls, faults }
}

test('each fault is brought about where it happens in life', async () => {
  const { calls, faults } = setUp()
  expect(await faults.stepDown()).toBe(true)
  await faults.freeze(5_000)
  faults.disconnect()
  faults.connect()
  await faults.cut('tab')
  await faults.mend('tab')
  faults.killWorker()
  expect(calls).toEqual(['stepDown', 'suspend 5000', 'disconnect', 'connect', 'cut tab', 'mend tab', 'crash'])
})

test('a freeze has a length, and a longest one', async () => {
  const { calls, faults } = setUp()
  for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 600_001]) {
    await expect(faults.freeze(ms)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
  expect(calls).toEqual([])
})
