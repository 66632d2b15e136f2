import { expect, test } from 'vitest'
import { FlotillaError } from '../../../src/client/errors.ts'
import { Faults, type FaultsParts } from '../../../src/client/faults.ts'

/** A page whose worker is asked, and does not answer before it is told to. */
function setUp() {
  const calls: string[] = []
  const closing = new AbortController()
  let answer: (value: boolean) => void = () => {}
  let end: (error: FlotillaError) => void = () => {}
  const host: ReturnType<FaultsParts['host']> = {
    control: {
      stepDown: () => {
        calls.push('stepDown')
        return new Promise(resolve => {
          answer = resolve
        })
      },
      suspend: async ms => {
        calls.push(`suspend ${ms}`)
      },
    },
    ended: new Promise<never>((_, reject) => {
      end = reject
    }),
    crash: () => calls.push('crash'),
  }
  host.ended.catch(() => {})
  const network = { connect: () => calls.push('connect'), disconnect: () => calls.push('disconnect') }
  const faults = new Faults({ network, host: () => host, signal: closing.signal })
  return {
    calls,
    closing,
    faults,
    answer: (value: boolean) => answer(value),
    end: (error: FlotillaError) => end(error),
  }
}

test('each fault is brought about where it happens in life', async () => {
  const { calls, faults, answer } = setUp()
  const stepping = faults.stepDown()
  answer(true)
  expect(await stepping).toBe(true)
  await faults.freeze(5_000)
  faults.disconnect()
  faults.connect()
  faults.killWorker()
  expect(calls).toEqual(['stepDown', 'suspend 5000', 'disconnect', 'connect', 'crash'])
})

test('a freeze has a length, and a longest one', async () => {
  const { calls, faults } = setUp()
  for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 600_001]) {
    await expect(faults.freeze(ms)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
  expect(calls).toEqual([])
})

test('a worker that ends meanwhile is not waited for', async () => {
  const { faults, end } = setUp()
  const stepping = faults.stepDown()
  end(new FlotillaError('WORKER_UNAVAILABLE', 'The worker ended.'))
  await expect(stepping).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' })
})

test('nor one of a database that was closed', async () => {
  const { faults, closing } = setUp()
  const stepping = faults.stepDown()
  closing.abort()
  await expect(stepping).rejects.toMatchObject({ code: 'STOPPED' })
})
