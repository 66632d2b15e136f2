import { describe, expect, test } from 'vitest'
import { decodeLinkFrame, encodePeerMessage } from '../../../src/net/codec.ts'
import { hopsMax } from '../../../src/net/routed.ts'
import { fewMembers, keptMax } from '../../../src/net/worker/acknowledgements.ts'
import { forgetMs, Topology } from '../../../src/net/worker/topology.ts'
import { newMessage } from '../../../src/raft/message.ts'
import type { Entry, MemberId, Message } from '../../../src/raft/types.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'
import { nameOf, VirtualMesh } from './virtual-mesh.ts'

const entry: Entry = { term: 1, index: 5, type: 'normal', data: new Uint8Array(200) }

function raft(fields: Partial<Message>): PeerMessage {
  return { kind: 'raft', message: { ...newMessage('MsgApp', 0, 0, 1), logTerm: 1, index: 4, commit: 4, ...fields } }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at)
}

/** 1 is linked to 2, 2 to 3, and so on. */
function chain(length: number, voters: readonly MemberId[] = []): VirtualMesh {
  const mesh = new VirtualMesh(range(1, length), voters)
  for (const member of range(1, length - 1)) mesh.link(member, member + 1)
  mesh.settle()
  return mesh
}

function reachOf(mesh: VirtualMesh, member: MemberId): MemberId[] {
  return [...mesh.tab(member).topology.reach.keys()].sort((a, b) => a - b)
}

describe('ways', () => {
  test('lead to everyone who is linked to someone, over as few hops as possible', () => {
    const mesh = chain(6)
    expect(reachOf(mesh, 1)).toEqual([2, 3, 4, 5, 6])
    expect(mesh.tab(1).topology.wayTo(6)).toEqual({ via: nameOf(2), hops: 5 })
    mesh.link(1, 5)
    mesh.settle()
    expect(mesh.tab(1).topology.wayTo(6)).toEqual({ via: nameOf(5), hops: 2 })
    expect(mesh.tab(2).topology.wayTo(6)).toEqual({ via: nameOf(1), hops: 3 })
  })

  test('go round a link that was lost, and end where there is none left', () => {
    const mesh = new VirtualMesh([1, 2, 3])
    mesh.link(1, 2)
    mesh.link(2, 3)
    mesh.link(1, 3)
    mesh.settle()
    mesh.cut(1, 2)
    mesh.settle()
    expect(mesh.tab(1).topology.wayTo(2)).toEqual({ via: nameOf(3), hops: 2 })
    mesh.cut(2, 3)
    mesh.settle()
    expect(reachOf(mesh, 1)).toEqual([3])
    expect(reachOf(mesh, 2)).toEqual([])
  })

  test('two halves that were apart know each other whole again after one link', () => {
    const mesh = chain(8)
    mesh.cut(4, 5)
    mesh.settle()
    expect(reachOf(mesh, 1)).toEqual([2, 3, 4])
    mesh.link(2, 7)
    mesh.settle()
    for (const member of range(1, 8))
      expect(reachOf(mesh, member)).toEqual(range(1, 8).filter(other => other !== member))
  })

  test('never lead through a viewer, but to it', () => {
    const mesh = new VirtualMesh([1, 2, 3])
    mesh.link(1, 2, [2])
    mesh.link(2, 3, [2])
    mesh.settle()
    expect(reachOf(mesh, 1)).toEqual([2])
    expect(mesh.tab(1).topology.isViewer(nameOf(2))).toBe(true)
  })

  test('a tab that said bye is out of reach at once, whatever comes late', () => {
    const mesh = chain(3)
    const stale = mesh.tab(3).topology.ownRecord
    mesh.cut(2, 3)
    mesh.tab(2).topology.depart(nameOf(3))
    mesh.tab(1).topology.depart(nameOf(3))
    expect(reachOf(mesh, 1)).toEqual([2])
    expect(mesh.tab(1).topology.learn({ ...stale, sequence: stale.sequence + 1 })).toBe(false)
  })

  test('a member that moved is where it was claimed last, though the first claim is repeated', () => {
    const mesh = chain(4)
    mesh.tab(3).topology.host([3, 4])
    mesh.tab(3).flood.pour()
    mesh.settle()
    const { ownRecord } = mesh.tab(4).topology
    mesh.tab(1).topology.learn({ ...ownRecord, sequence: ownRecord.sequence + 1 })
    expect(mesh.tab(1).topology.homeOf(4)).toBe(nameOf(3))
  })
})

describe('a member that this tab lent a voice', () => {
  test('is with the tab that took it over, though that tab said so before this one had let go', () => {
    const topology = new Topology('self')
    topology.link('gone', false, [7])
    topology.host([1, 7])
    topology.unlink('gone')
    topology.link('next', false, [7])
    expect(topology.homeOf(7)).toBeNull()
    topology.host([1])
    expect(topology.homeOf(7)).toBe('next')
    topology.link('next', false, [7, 8])
    expect([...topology.reach]).toEqual([
      [7, 'next'],
      [8, 'next'],
    ])
  })

  const withdrawals: readonly [string, (topology: Topology) => void][] = [
    ['claims it no more', topology => topology.link('heir', false, [])],
    ['said bye', topology => topology.depart('heir')],
    [
      'is long out of reach',
      topology => {
        topology.learn({ peer: 'heir', sequence: 1, viewer: false, members: [7], neighbours: [] })
        topology.unlink('heir')
        for (const nowMs of [0, forgetMs]) topology.prune(nowMs)
      },
    ],
    [
      'was gone before it had told of itself',
      topology => {
        topology.unlink('heir')
        topology.prune(0)
      },
    ],
  ]
  test.each(withdrawals)('is not with a tab that took it over and %s by the time it is let go', (_, withdraw) => {
    const topology = new Topology('self')
    topology.host([1, 7])
    topology.link('heir', false, [7])
    withdraw(topology)
    topology.host([1])
    expect(topology.homeOf(7)).toBeNull()
  })
})

describe('a tab that has crashed, as others still tell of it', () => {
  const record = { peer: 'crashed', sequence: 5, viewer: false, members: [7], neighbours: [] }

  test('takes nothing from a linked tab that speaks for its member by now', () => {
    const topology = new Topology('self')
    topology.link('next', false, [7])
    topology.learn(record)
    expect(topology.homeOf(7)).toBe('next')
  })

  test('is who has it when that one is out of reach and this one is not', () => {
    const topology = new Topology('self')
    topology.link('between', false, [])
    topology.learn({ ...record, peer: 'between', members: [], neighbours: [{ peer: 'crashed', wanted: true }] })
    topology.link('next', false, [7])
    topology.learn({ ...record, neighbours: [{ peer: 'between', wanted: true }] })
    topology.unlink('next')
    expect(topology.homeOf(7)).toBe('crashed')
  })
})

describe('messages', () => {
  test('reach a member over others as they were sent, each once and in order', () => {
    const mesh = chain(5)
    const sent = range(1, 20).map(index => raft({ from: 1, to: 5, index, entries: [entry] }))
    for (const message of sent) expect(mesh.tab(1).router.send(1, 5, message)).toBe(true)
    mesh.tab(1).router.flush()
    mesh.settle()
    expect(mesh.tab(5).heard).toEqual(sent.map(message => ({ from: 1, to: 5, message, viewer: false })))
    for (const member of [2, 3, 4]) expect(mesh.tab(member).heard).toEqual([])
    expect(range(1, 5).map(member => mesh.tab(member).router.forwarded)).toEqual([0, 20, 20, 20, 0])
  })

  test('a request passed on for somebody else keeps the name of who asked', () => {
    const mesh = chain(3)
    const message = raft({ type: 'MsgReadIndex', from: 7, to: 3, context: new Uint8Array(8) })
    mesh.tab(1).router.send(1, 3, message)
    mesh.tab(1).router.flush()
    mesh.settle()
    expect(mesh.tab(3).heard).toEqual([{ from: 1, to: 3, message, viewer: false }])
  })

  test('to a linked member are plain, and to nobody are counted', () => {
    const mesh = chain(2)
    const { router } = mesh.tab(1)
    const message = raft({ from: 1, to: 2 })
    router.send(1, 2, message)
    const before = mesh.tab(1).sentBytes
    router.flush()
    expect(mesh.tab(1).sentBytes - before).toBe(encodePeerMessage(1, 2, message).length)
    expect(router.send(1, 99, message)).toBe(false)
    expect(router.counters.unreachable).toBe(1)
  })

  test('alike but for the address leave once for each link, and reach all', () => {
    const mesh = new VirtualMesh(range(1, 30))
    for (const member of range(3, 15)) mesh.link(2, member)
    for (const member of range(16, 30)) mesh.link(3, member)
    mesh.link(1, 2)
    mesh.settle()
    const { sentFrames } = mesh.tab(1)
    for (const to of range(2, 30)) mesh.tab(1).router.send(1, to, raft({ from: 1, to, entries: [entry] }))
    mesh.tab(1).router.flush()
    expect(mesh.tab(1).sentFrames - sentFrames).toBe(1)
    mesh.settle()
    for (const to of range(2, 30)) {
      const message = raft({ from: 1, to, entries: [entry] })
      expect(mesh.tab(to).heard).toEqual([{ from: 1, to, message, viewer: false }])
    }
    // 27 others, and then one frame more: the ways part at 2 and at 3.
    expect(mesh.tab(2).sentFrames).toBeGreaterThan(12)
  })

  test('a list of addresses is said once: the second time it costs next to nothing', () => {
    const mesh = new VirtualMesh(range(1, 100))
    for (const member of range(3, 100)) mesh.link(2, member)
    mesh.link(1, 2)
    mesh.settle()
    const bytesOf = (index: number) => {
      const before = mesh.tab(1).sentBytes
      for (const to of range(2, 100)) mesh.tab(1).router.send(1, to, raft({ from: 1, to, index }))
      mesh.tab(1).router.flush()
      mesh.settle()
      return mesh.tab(1).sentBytes - before
    }
    expect(bytesOf(5)).toBeGreaterThan(99 * 8)
    expect(bytesOf(6)).toBeLessThan(200)
    for (const to of range(2, 100)) expect(mesh.tab(to).heard).toHaveLength(2)
  })

  test('a link that comes anew starts with nothing remembered', () => {
    const mesh = new VirtualMesh([1, 2, 3, 4])
    for (const [a, b] of [
      [1, 2],
      [2, 3],
      [2, 4],
    ] as const) {
      mesh.link(a, b)
    }
    mesh.settle()
    const say = (index: number) => {
      for (const to of [3, 4]) mesh.tab(1).router.send(1, to, raft({ from: 1, to, index }))
      mesh.tab(1).router.flush()
      mesh.settle()
    }
    say(1)
    mesh.cut(1, 2)
    mesh.settle()
    mesh.link(1, 2)
    mesh.settle()
    say(2)
    expect(mesh.tab(3).heard).toHaveLength(2)
  })

  test('to one member keep their order, however alike others are', () => {
    const mesh = new VirtualMesh([1, 2, 3, 4])
    mesh.link(1, 2)
    mesh.link(2, 3)
    mesh.link(2, 4)
    mesh.settle()
    const beat = (to: number) => raft({ type: 'MsgHeartbeat', from: 1, to })
    const vote = (to: number) => raft({ type: 'MsgVote', from: 1, to })
    const { router } = mesh.tab(1)
    for (const message of [beat(3), vote(3)]) router.send(1, 3, message)
    for (const message of [vote(4), beat(4)]) router.send(1, 4, message)
    router.flush()
    mesh.settle()
    expect(mesh.tab(3).heard.map(({ message }) => message)).toEqual([beat(3), vote(3)])
    expect(mesh.tab(4).heard.map(({ message }) => message)).toEqual([vote(4), beat(4)])
  })

  test('acknowledgements of members without a vote that say the same are one where they meet', () => {
    const members = range(1, 42)
    const mesh = new VirtualMesh(members, [1, 2])
    mesh.link(1, 2)
    for (const member of range(3, 42)) mesh.link(2, member)
    mesh.settle()
    const before = mesh.tab(2).sentFrames
    for (const member of range(3, 42)) {
      mesh.tab(member).router.send(member, 1, raft({ type: 'MsgAppResp', from: member, to: 1, index: 9 }))
      mesh.tab(member).router.flush()
    }
    mesh.settle()
    expect(mesh.tab(2).sentFrames - before).toBe(1)
    expect(mesh.tab(1).heard.map(({ from }) => from)).toEqual(range(3, 42))
    expect(mesh.tab(1).heard[5]?.message).toEqual(raft({ type: 'MsgAppResp', from: 8, to: 1, index: 9 }))
  })

  test('what a voter acknowledges is passed on at once, and so is a refusal', () => {
    const mesh = new VirtualMesh([1, 2, 3, 4], [1, 2, 3])
    for (const member of [1, 3, 4]) mesh.link(2, member)
    mesh.settle()
    mesh.tab(3).router.send(3, 1, raft({ type: 'MsgAppResp', from: 3, to: 1 }))
    mesh.tab(4).router.send(4, 1, raft({ type: 'MsgAppResp', from: 4, to: 1, reject: true }))
    for (const member of [3, 4]) mesh.tab(member).router.flush()
    mesh.arriveAll()
    expect(mesh.tab(1).heard).toHaveLength(2)
    expect(mesh.later).toEqual([])
  })
})

describe('what a member without a vote acknowledges', () => {
  const leader = 1
  const learner = 2

  function crowd(members = fewMembers + 2): VirtualMesh {
    const mesh = new VirtualMesh(range(1, members), [leader])
    for (const member of range(2, members)) mesh.link(leader, member)
    mesh.settle()
    return mesh
  }

  function acknowledge(mesh: VirtualMesh, index: number, fields: Partial<Message> = {}): void {
    const { router } = mesh.tab(learner)
    router.send(learner, leader, raft({ type: 'MsgAppResp', from: learner, to: leader, index, ...fields }))
    router.flush()
    mesh.arriveAll()
  }

  function heard(mesh: VirtualMesh): number[] {
    return mesh.tab(leader).heard.map(({ message }) => (message.kind === 'raft' ? message.message.index : 0))
  }

  test('is said once, when it would be said again', () => {
    const mesh = crowd()
    acknowledge(mesh, 9)
    expect(heard(mesh)).toEqual([])
    acknowledge(mesh, 9)
    expect(heard(mesh)).toEqual([9])
    mesh.settle()
    expect(heard(mesh)).toEqual([9])
  })

  test('covers what was kept before it, and leaves when the time is over', () => {
    const mesh = crowd()
    for (const index of [9, 12, 11]) acknowledge(mesh, index)
    expect(heard(mesh)).toEqual([])
    mesh.settle()
    expect(heard(mesh)).toEqual([12])
    acknowledge(mesh, 13)
    acknowledge(mesh, 10, { term: 2 })
    mesh.settle()
    expect(heard(mesh)).toEqual([12, 10])
  })

  test('goes ahead of an answer to a heartbeat', () => {
    const mesh = crowd()
    acknowledge(mesh, 9)
    acknowledge(mesh, 0, { type: 'MsgHeartbeatResp' })
    expect(heard(mesh)).toEqual([9, 0])
    mesh.settle()
    expect(heard(mesh)).toEqual([9, 0])
  })

  test('leaves at once with few members around, and so does a refusal with many', () => {
    const few = crowd(fewMembers)
    acknowledge(few, 9)
    expect(heard(few)).toEqual([9])
    const many = crowd()
    acknowledge(many, 9, { reject: true })
    expect(heard(many)).toEqual([9])
  })

  test('leaves early when it is kept for too many', () => {
    const others = range(3, 100)
    const mesh = crowd(100)
    const { router } = mesh.tab(learner)
    for (const to of others) router.send(learner, to, raft({ type: 'MsgAppResp', from: learner, to, index: 9 }))
    router.flush()
    mesh.arriveAll()
    const told = () => others.filter(to => mesh.tab(to).heard.length > 0).length
    expect(told()).toBe(others.length - keptMax)
    mesh.settle()
    expect(told()).toBe(others.length)
  })

  test('and to whom no way is left when the time is over is counted', () => {
    const mesh = crowd()
    acknowledge(mesh, 9)
    mesh.cut(leader, learner)
    mesh.settle()
    expect(mesh.tab(learner).router.counters.unreachable).toBe(1)
  })
})

describe('what is not passed on', () => {
  function received(mesh: VirtualMesh, at: MemberId, from: MemberId, origin: MemberId, to: MemberId, hops = hopsMax) {
    return mesh.tab(at).router.receive(nameOf(from), {
      kind: 'routed',
      hops,
      viewer: false,
      precedence: 'urgent',
      origins: { kind: 'one', member: origin },
      destinations: { kind: 'one', member: to },
      inner: encodePeerMessage(0, 0, { kind: 'join', member: origin }),
    })
  }

  test('a viewer speaks for itself alone, and as a viewer', () => {
    const mesh = new VirtualMesh([1, 2, 3])
    mesh.link(1, 2)
    mesh.link(2, 3, [3])
    mesh.settle()
    expect(received(mesh, 2, 3, 1, 2)).toBe(true)
    expect(mesh.tab(2).heard).toEqual([])
    expect(mesh.tab(2).router.counters.refused).toBe(1)
    received(mesh, 2, 3, 3, 1)
    mesh.settle()
    expect(mesh.tab(1).heard).toMatchObject([{ from: 3, viewer: true }])
  })

  test('a viewer cannot tell of others, nor take a member from an editor', () => {
    const mesh = new VirtualMesh([1, 2, 3])
    mesh.link(1, 2)
    mesh.link(2, 3, [3])
    mesh.settle()
    const own = mesh.tab(3).topology.ownRecord
    const lie = { ...own, sequence: own.sequence + 1, members: [3, 1, 2] }
    mesh.tab(2).flood.receive(nameOf(3), [lie, { ...lie, peer: nameOf(9) }])
    mesh.settle()
    expect(mesh.tab(1).topology.ways.has(nameOf(9))).toBe(false)
    expect(mesh.tab(2).topology.homeOf(1)).toBe(nameOf(1))
    expect(mesh.tab(1).topology.homeOf(2)).toBe(nameOf(2))
  })

  test('what has gone too far, and what would go back', () => {
    const mesh = chain(4)
    received(mesh, 2, 1, 1, 4, 0)
    received(mesh, 2, 3, 3, 4)
    mesh.settle()
    expect(mesh.tab(4).heard).toEqual([])
    const { counters, forwarded } = mesh.tab(2).router
    expect({ ...counters, forwarded }).toMatchObject({ misdirected: 1, unreachable: 1, forwarded: 0 })
  })

  test('a number for a set that was never given is no sense, an inside that is none is dropped', () => {
    const mesh = chain(2)
    const { router } = mesh.tab(2)
    const frame = {
      kind: 'routed',
      hops: 1,
      viewer: false,
      precedence: 'urgent',
      origins: { kind: 'one', member: 1 },
      destinations: { kind: 'known', slot: 3 },
      inner: Uint8Array.of(1, 2, 3),
    } as const
    expect(router.receive(nameOf(1), frame)).toBe(false)
    expect(router.receive(nameOf(1), { ...frame, destinations: { kind: 'one', member: 2 } })).toBe(true)
    expect(router.counters.refused).toBe(1)
    expect(decodeLinkFrame(frame.inner).ok).toBe(false)
  })
})
