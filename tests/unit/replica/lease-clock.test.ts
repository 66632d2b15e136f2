import { describe, expect, test } from 'vitest'
import { LeaseClock, type LeaseSource } from '../../../src/replica/lease-clock.ts'
import type { LeaseId, LeaseState, SystemCommand } from '../../../src/store/types.ts'

const options = { ticksPerSecond: 20, graceTicks: 7, checkpointTicks: 60 }

/** Leases as a store would have them, changed by the test. */
class Source implements LeaseSource {
  readonly #states = new Map<LeaseId, LeaseState>()
  #changed: LeaseId[] = []

  set(lease: LeaseId, ttlSeconds: number, rest: Partial<LeaseState> = {}): void {
    this.#states.set(lease, { lease, ttlSeconds, remainingSeconds: ttlSeconds, renewals: 1, ...rest })
    this.#changed.push(lease)
  }

  end(lease: LeaseId): void {
    this.#states.delete(lease)
    this.#changed.push(lease)
  }

  lease(id: LeaseId): LeaseState | null {
    return this.#states.get(id) ?? null
  }

  leaseStates(): Iterable<LeaseState> {
    return this.#states.values()
  }

  takeLeaseChanges(): readonly LeaseId[] {
    const changed = this.#changed
    this.#changed = []
    return changed
  }
}

function clockOf(source: Source): LeaseClock {
  const clock = new LeaseClock(source, options)
  clock.follow()
  return clock
}

/** What the leader would propose now, in short. */
function proposals(clock: LeaseClock, takes = Number.POSITIVE_INFINITY): string[] {
  const proposed: string[] = []
  clock.act(({ request }: SystemCommand) => {
    if (proposed.length >= takes) return false
    if (request.op === 'leaseExpire') proposed.push(`${request.lease}/${request.renewals} ends`)
    if (request.op === 'leaseCheckpoint') {
      for (const { lease, renewals, remainingSeconds } of request.checkpoints) {
        proposed.push(`${lease}/${renewals} has ${remainingSeconds}`)
      }
    }
    return true
  })
  return proposed
}

/** Ticks one by one until something is proposed, and how many that took. */
function untilProposed(clock: LeaseClock, ticksMax = 1_000): { ticks: number; proposed: string[] } {
  for (let ticks = 1; ticks <= ticksMax; ticks += 1) {
    clock.advance(1)
    const proposed = proposals(clock)
    if (proposed.length > 0) return { ticks, proposed }
  }
  throw new Error(`nothing proposed within ${ticksMax} ticks`)
}

describe('the end of a lease', () => {
  test('comes when its whole time has been counted, from the first tick after it was granted', () => {
    const source = new Source()
    source.set(5, 2)
    const clock = clockOf(source)
    expect(untilProposed(clock)).toEqual({ ticks: 1 + 40, proposed: ['5/1 ends'] })
  })

  test('is not brought nearer by ticks that came late, in the turn that it was granted in', () => {
    const source = new Source()
    const clock = clockOf(source)
    source.set(5, 2)
    clock.follow()
    clock.advance(39)
    expect(untilProposed(clock).ticks).toBe(40)
  })

  test('is put off by a keepalive, and says which count it is about', () => {
    const source = new Source()
    source.set(5, 2)
    const clock = clockOf(source)
    clock.advance(1)
    clock.advance(39)
    source.set(5, 2, { renewals: 2 })
    clock.follow()
    expect(untilProposed(clock)).toEqual({ ticks: 1 + 40, proposed: ['5/2 ends'] })
  })

  test('is proposed once, and again under the next leader', () => {
    const source = new Source()
    source.set(5, 2)
    const clock = clockOf(source)
    untilProposed(clock)
    clock.advance(1_000)
    expect(proposals(clock)).toEqual([])
    clock.restart()
    expect(untilProposed(clock)).toEqual({ ticks: 1 + 40 + 7, proposed: ['5/1 ends'] })
  })

  test('that the log did not take is proposed at the next tick', () => {
    const source = new Source()
    for (const lease of [1, 2, 3]) source.set(lease, 2)
    const clock = clockOf(source)
    clock.advance(1)
    clock.advance(40)
    expect(proposals(clock, 1)).toEqual(['1/1 ends'])
    expect(proposals(clock)).toEqual(['2/1 ends', '3/1 ends'])
  })

  test('that comes for many at once is spread over several ticks', () => {
    const source = new Source()
    for (let lease = 1; lease <= 120; lease += 1) source.set(lease, 2)
    const clock = clockOf(source)
    clock.advance(1)
    clock.advance(40)
    expect([1, 2, 3, 4].map(() => proposals(clock).length)).toEqual([50, 50, 20, 0])
  })

  test('of a lease that is no more is not proposed', () => {
    const source = new Source()
    source.set(5, 2)
    const clock = clockOf(source)
    clock.advance(1)
    source.end(5)
    clock.follow()
    clock.advance(100)
    expect(proposals(clock)).toEqual([])
  })
})

describe('a count that begins anew', () => {
  test('starts at what was left at the last checkpoint, with some grace', () => {
    const source = new Source()
    source.set(5, 100, { remainingSeconds: 2 })
    const clock = clockOf(source)
    clock.restart()
    expect(untilProposed(clock)).toEqual({ ticks: 1 + 40 + 7, proposed: ['5/1 ends'] })
  })

  test('is lowered by a checkpoint that was still under way, and never raised by one', () => {
    const source = new Source()
    source.set(5, 100)
    const clock = clockOf(source)
    clock.advance(1)
    source.set(5, 100, { remainingSeconds: 2 })
    clock.follow()
    clock.advance(1)
    clock.advance(20)
    source.set(5, 100, { remainingSeconds: 2 })
    clock.follow()
    expect(untilProposed(clock).ticks).toBe(20)
  })
})

describe('checkpoints', () => {
  test('are made of leases that have long to live, in whole seconds, rounded up', () => {
    const source = new Source()
    source.set(1, 3)
    source.set(2, 7)
    const clock = clockOf(source)
    expect(untilProposed(clock)).toEqual({ ticks: 1 + 60, proposed: ['1/1 ends', '2/1 has 4'] })
    expect(untilProposed(clock)).toEqual({ ticks: 60, proposed: ['2/1 has 1'] })
    expect(untilProposed(clock)).toEqual({ ticks: 20, proposed: ['2/1 ends'] })
  })

  test('are not made of leases that are kept alive more often than that', () => {
    const source = new Source()
    source.set(1, 10)
    const clock = clockOf(source)
    for (let renewals = 2; renewals < 10; renewals += 1) {
      clock.advance(1)
      clock.advance(30)
      expect(proposals(clock)).toEqual([])
      source.set(1, 10, { renewals })
      clock.follow()
    }
  })
})

describe('what is left', () => {
  test('is given in whole seconds, and is never more than the whole time or less than nothing', () => {
    const source = new Source()
    source.set(5, 4)
    const clock = clockOf(source)
    const left = () =>
      clock.remainingSeconds(source.lease(5) ?? { lease: 5, ttlSeconds: 0, remainingSeconds: 0, renewals: 0 })
    expect(left()).toBe(4)
    clock.advance(1)
    expect(left()).toBe(4)
    clock.advance(1)
    expect(left()).toBe(3)
    clock.advance(200)
    expect(left()).toBe(0)
    clock.restart()
    expect(left()).toBe(4)
  })
})
