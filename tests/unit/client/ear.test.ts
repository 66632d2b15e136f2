import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Ear, type Heard, type RecoverRefusal } from '../../../src/client/ear.ts'
import { FlotillaError } from '../../../src/client/errors.ts'
import { Observable } from '../../../src/client/readable.ts'
import { aloneStatus } from './fake-host.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

/** One of three voters, which hears nobody. */
const lonely: Heard = {
  adopted: [],
  signaling: 'connected',
  failure: null,
  replica: {
    ...aloneStatus.replica,
    role: 'follower',
    leader: 0,
    quorum: false,
    commit: 5,
    members: [7, 8, 9].map(member => ({ member, state: 'voter', connected: member === 7, position: null })),
  },
}

/** The same, with member 8 in reach, which has committed so much. */
function withMember8At(commit: number): Heard {
  const position = { role: 'follower', term: 1, commit, applied: commit } as const
  const members = lonely.replica.members.map(known =>
    known.member === 8 ? { ...known, connected: true, position } : known,
  )
  return { ...lonely, replica: { ...lonely.replica, members } }
}

async function verdict(status: Heard, force: readonly RecoverRefusal[] = []): Promise<string | null> {
  const listening = new Ear(new Observable(status), force).listen(10_000, undefined)
  await vi.advanceTimersByTimeAsync(10_000)
  return (await listening)?.code ?? null
}

test('with nobody there for long enough, nothing speaks against recovering', async () => {
  const ear = new Ear(new Observable(lonely), [])
  let heard: FlotillaError | null | 'nothing yet' = 'nothing yet'
  void ear.listen(10_000, undefined).then(refusal => {
    heard = refusal
  })
  await vi.advanceTimersByTimeAsync(9_999)
  expect(heard).toBe('nothing yet')
  await vi.advanceTimersByTimeAsync(1)
  expect(heard).toBeNull()
  expect([...ear.heard]).toEqual([])
})

test('a leader, whenever one is heard of, ends it', async () => {
  const status = new Observable(lonely)
  const listening = new Ear(status, []).listen(10_000, undefined)
  await vi.advanceTimersByTimeAsync(5_000)
  status.set({ ...lonely, replica: { ...lonely.replica, quorum: true } })
  expect((await listening)?.code).toBe('QUORUM_REACHABLE')
  expect(status.observed).toBe(false)
  expect(vi.getTimerCount()).toBe(0)
})

test('a member that has more is where to recover', async () => {
  expect(await verdict(withMember8At(6))).toBe('MEMBER_AHEAD')
  expect(await verdict(withMember8At(5))).toBeNull()
  expect(await verdict(withMember8At(6), ['MEMBER_AHEAD'])).toBeNull()
})

test('who was heard, and when last, is remembered', async () => {
  const status = new Observable(lonely)
  const ear = new Ear(status, [])
  const listening = ear.listen(10_000, undefined)
  await vi.advanceTimersByTimeAsync(2_000)
  status.set(withMember8At(5))
  await vi.advanceTimersByTimeAsync(2_000)
  status.set(lonely)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await listening).toBeNull()
  expect([...ear.heard]).toEqual([[8, new Date(3_000)]])
})

test('without the signaling server silence means nothing', async () => {
  for (const signaling of ['connecting', 'disconnected', 'refused', 'unavailable'] as const) {
    expect(await verdict({ ...lonely, signaling })).toBe('SIGNALING_UNREACHABLE')
    expect(await verdict({ ...lonely, signaling }, ['SIGNALING_UNREACHABLE'])).toBeNull()
  }
})

test('what is forced is that one refusal and no other', async () => {
  const alive = { ...lonely, replica: { ...lonely.replica, quorum: true } }
  expect(await verdict(alive, ['MEMBER_AHEAD', 'SIGNALING_UNREACHABLE'])).toBe('QUORUM_REACHABLE')
  expect(await verdict(alive, ['QUORUM_REACHABLE'])).toBeNull()
})

test('it ends when the member fails, or the caller gives up', async () => {
  const failure = new FlotillaError('CORRUPT', 'damaged')
  expect(await verdict({ ...lonely, failure })).toBe('CORRUPT')
  const abort = new AbortController()
  const listening = new Ear(new Observable(lonely), []).listen(10_000, abort.signal)
  abort.abort()
  await expect(listening).rejects.toMatchObject({ code: 'ABORTED' })
  const tooLate = new Ear(new Observable(lonely), []).listen(10_000, abort.signal)
  await expect(tooLate).rejects.toMatchObject({ code: 'ABORTED' })
  expect(vi.getTimerCount()).toBe(0)
})
