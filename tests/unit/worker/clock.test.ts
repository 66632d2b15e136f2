import { describe, expect, test } from 'vitest'
import { Clock, freezeMs, type Jump, tickMs, ticksAtOnceMax } from '../../../src/worker/clock.ts'

/** A clock with hands that the test moves. */
class Hands {
  monotonicMs = 1_000
  wallMs = 1_700_000_000_000
  readonly said: (number | Jump)[] = []
  readonly clock = new Clock({
    onTicks: ticks => this.said.push(ticks),
    onJump: jump => this.said.push(jump),
    time: { monotonicMs: () => this.monotonicMs, wallMs: () => this.wallMs },
  })

  pass(ms: number): void {
    this.monotonicMs += ms
    this.wallMs += ms
    this.clock.look()
  }
}

describe('the time of the members of a tab', () => {
  test('passes in ticks, and what is left over counts towards the next', () => {
    const hands = new Hands()
    hands.pass(tickMs - 1)
    expect(hands.said).toEqual([])
    hands.pass(1)
    hands.pass(2 * tickMs + 30)
    hands.pass(20)
    expect(hands.said).toEqual([1, 2, 1])
  })

  test('is told once, however often it is asked for', () => {
    const hands = new Hands()
    hands.pass(tickMs)
    for (let i = 0; i < 10; i += 1) hands.clock.look()
    expect(hands.said).toEqual([1])
  })

  test('after a short stall is caught up in portions, one with each look, so that what waits is read in between', () => {
    const hands = new Hands()
    hands.pass(3 * ticksAtOnceMax * tickMs + tickMs)
    expect(hands.said).toEqual([ticksAtOnceMax])
    for (let i = 0; i < 10; i += 1) hands.clock.look()
    expect(hands.said).toEqual([ticksAtOnceMax, ticksAtOnceMax, ticksAtOnceMax, 1])
  })

  test('is counted slowly by a worker that never catches up, and its stalls do not add up to a freeze', () => {
    const hands = new Hands()
    for (let i = 0; i < 100; i += 1) hands.pass(freezeMs / 2)
    expect(hands.said).toEqual(Array(100).fill(ticksAtOnceMax))
    for (let i = 0; i < 100; i += 1) hands.clock.look()
    expect(hands.said.length - 100, 'what it owes is bounded').toBeLessThanOrEqual(freezeMs / tickMs / ticksAtOnceMax)
  })

  test('of a frozen tab is one jump, and no tick of it is replayed', () => {
    const hands = new Hands()
    hands.pass(10 * 60_000)
    hands.pass(tickMs)
    expect(hands.said).toEqual([{ asleepMs: 600_000, missedMs: 0 }, 1])
  })

  test('of a machine that slept for an hour is one jump, even if performance.now() stood still', () => {
    const hands = new Hands()
    hands.wallMs += 3_600_000
    hands.pass(10)
    hands.pass(tickMs)
    expect(hands.said).toEqual([{ asleepMs: 3_600_010, missedMs: 3_600_000 }, 1])
  })

  test('does not go back when the wall clock is set back, and a sleep is noticed all the same', () => {
    const hands = new Hands()
    hands.wallMs -= 86_400_000
    hands.pass(tickMs)
    hands.wallMs += 3_600_000
    hands.pass(tickMs)
    expect(hands.said).toEqual([1, { asleepMs: 3_600_000 + tickMs, missedMs: 3_600_000 }])
  })

  test('is not a jump because the two clocks run apart a little, for however long', () => {
    const hands = new Hands()
    for (let i = 0; i < 10_000; i += 1) {
      hands.wallMs += 1
      hands.pass(tickMs)
    }
    expect(hands.said).toEqual(Array(10_000).fill(1))
  })
})
