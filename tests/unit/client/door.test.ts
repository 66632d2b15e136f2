import { expect, test } from 'vitest'
import { farewell, holdDoor } from '../../../src/client/door.ts'
import type { HostStatus } from '../../../src/worker/protocol.ts'
import { aloneStatus } from './fake-host.ts'
import { linkTo } from './fake-link.ts'

type Replica = HostStatus['replica']
type Member = Replica['members'][number]

const self: Member = { member: 7, state: 'voter', connected: true, position: null }
const other: Member = { member: 8, state: 'voter', connected: true, position: null }
const link = linkTo('p', [8])

function status(replica: Partial<Replica>, rest: Partial<HostStatus> = {}): HostStatus {
  return { ...aloneStatus, links: [link], ...rest, replica: { ...aloneStatus.replica, ...replica } }
}

/** A clock that moves by itself, one millisecond with each look. */
function clock() {
  const ticking = { time: 0, now: () => ticking.time++ }
  return ticking
}

test('nobody waits where nobody depends on this member', () => {
  const nothing = { leave: false, holdMs: 0 }
  expect(farewell(aloneStatus, true, false)).toEqual(nothing)
  const members = [self, { ...other, connected: false }]
  expect(farewell(status({ members }, { links: [] }), true, false)).toEqual(nothing)
  expect(farewell(status({ members: [self, other] }, { adopted: [8], links: [] }), true, false)).toEqual(nothing)
})

test('what is owed is seen to even where nobody else is: leases end, and writes not answered are kept', () => {
  expect(farewell(aloneStatus, true, true)).toEqual({ leave: true, holdMs: 20 })
  const members = [self, { ...other, connected: false }]
  expect(farewell(status({ members, quorum: false }, { links: [] }), false, true)).toEqual({ leave: true, holdMs: 20 })
  expect(farewell(status({ members: [self, other] }), true, true)).toEqual({ leave: true, holdMs: 400 })
})

test('a link, even one that is opening, says that somebody may be there before the list of members does', () => {
  const opening = linkTo('p', [], { state: 'opening' })
  for (const known of [link, opening]) {
    for (const members of [[self], [self, { ...other, connected: false }]])
      expect(farewell(status({ members }, { links: [known] }), true, false)).toEqual({ leave: true, holdMs: 400 })
  }
})

test('a member with company holds the door until its worker is done', () => {
  const learner = { ...other, state: 'learner' } as const
  for (const members of [
    [self, other, { ...other, member: 9 }],
    [self, learner],
    [{ ...self, state: 'learner' } as const, other],
  ]) {
    expect(farewell(status({ members }), true, false)).toEqual({ leave: true, holdMs: 400 })
  }
})

test('without shared memory it must guess how long a handover takes', () => {
  const members = [self, other]
  expect(farewell(status({ members }), false, false)).toEqual({ leave: true, holdMs: 60 })
  expect(farewell(status({ members, leader: 8 }), false, false)).toEqual({ leave: true, holdMs: 20 })
})

test('without shared memory a learner only has the time to say goodbye, unless a voter it adopted goes with it', () => {
  const members = [{ ...self, state: 'learner' } as const, other, { ...other, member: 9 }]
  expect(farewell(status({ members, leader: 8 }), false, false)).toEqual({ leave: true, holdMs: 20 })
  expect(farewell(status({ members, leader: 9 }, { adopted: [9] }), false, false)).toEqual({ leave: true, holdMs: 60 })
})

test('bridged channels need the thread that would hold the door', () => {
  const members = [self, other]
  const bridged = linkTo('p', [8], { kind: 'bridged' })
  expect(farewell(status({ members }, { links: [bridged] }), true, false)).toEqual({ leave: true, holdMs: 0 })
  expect(farewell(status({ members }, { links: [bridged, link] }), true, false).holdMs).toBe(400)
})

test('the door is held until the worker is done, and no longer than told', () => {
  const done = new Int32Array(new SharedArrayBuffer(4))
  const early = clock()
  holdDoor(done, 60, () => {
    if (early.time === 10) Atomics.store(done, 0, 1)
    return early.now()
  })
  expect(early.time).toBeLessThan(15)

  for (const door of [new Int32Array(new SharedArrayBuffer(4)), null]) {
    const late = clock()
    holdDoor(door, 60, late.now)
    expect(late.time).toBeGreaterThanOrEqual(60)
    expect(late.time).toBeLessThan(65)
  }
})

test('over the relay, the worker can hand over as well as over a direct link: the socket is its own', () => {
  const relayed = linkTo('p', [8], { kind: 'relay' })
  expect(farewell(status({ members: [self, other] }, { links: [relayed] }), true, false).holdMs).toBe(400)
})
