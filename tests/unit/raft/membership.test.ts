import { describe, expect, test } from 'vitest'
import type { ConfChangeSingle, MemberId } from '../../../src/raft/types.ts'
import { Network } from './network.ts'

const add = (member: MemberId): ConfChangeSingle => ({ type: 'addVoter', member })
const learn = (member: MemberId): ConfChangeSingle => ({ type: 'addLearner', member })
const remove = (member: MemberId): ConfChangeSingle => ({ type: 'removeMember', member })

function three(config = {}): Network {
  const net = new Network({ voters: [1, 2, 3], config })
  net.campaign(1)
  return net
}

const voters = (net: Network, id: MemberId) => net.peer(id).confState.voters

describe('learners (thesis 4.2.1)', () => {
  test('a learner gets the log and is not counted for commitment', () => {
    const net = three()
    net.addStranger(4)
    net.change(1, [learn(4)])
    net.propose(1, 'a')
    net.expectApplied(['a'])
    net.crash(2)
    net.crash(3)
    net.propose(1, 'b')
    net.expectApplied(['a'], 1, 4)
  })

  test('a learner does not campaign', () => {
    const net = new Network({ voters: [1, 2, 3], learners: [4] })
    net.tick(100, 4)
    expect([net.node(4).role, net.node(4).term]).toEqual(['follower', 1])
  })

  test('a caught-up learner is promoted, and its vote counts from then on', () => {
    const net = three()
    net.addStranger(4)
    net.change(1, [learn(4)])
    net.change(1, [add(4)])
    expect(voters(net, 4)).toEqual([1, 2, 3, 4])
    net.crash(1)
    net.campaign(4)
    expect(net.leader).toBe(4)
  })

  test('a voter is demoted to a learner in one change, and keeps its log', () => {
    const net = three()
    net.change(1, [learn(3)])
    expect(net.peer(1).confState).toMatchObject({ voters: [1, 2], learners: [3] })
    net.propose(1, 'a')
    net.expectApplied(['a'])
  })
})

describe('changing one voter (thesis 4.1)', () => {
  test('a new voter catches up from nothing', () => {
    const net = three()
    net.propose(1, 'a', 'b')
    net.addStranger(4)
    net.change(1, [add(4)])
    net.expectApplied(['a', 'b'])
    expect(voters(net, 4)).toEqual([1, 2, 3, 4])
  })

  test('the change counts only once it is applied', () => {
    const net = three()
    net.isolate(1)
    net.change(1, [remove(3)])
    expect(net.node(1).status().config.voters).toEqual([1, 2, 3])
  })

  test('of two changes at once the second is refused and becomes an empty entry', () => {
    const net = three()
    net.isolate(1)
    net.change(1, [remove(2)])
    net.change(1, [remove(3)])
    net.heal()
    net.tick(2)
    expect(voters(net, 1)).toEqual([1, 3])
    expect(
      net
        .peer(1)
        .log()
        .filter(entry => entry.includes('confChange')),
    ).toHaveLength(1)
  })

  test('a new leader takes no change before it has applied what its predecessors left', () => {
    const net = three()
    net.isolate(1, 2)
    net.ignore('MsgAppResp')
    net.change(1, [remove(3)])
    net.heal()
    net.crash(1)
    net.ignore('MsgApp')
    net.campaign(2)
    net.change(2, [remove(1)])
    net.heal()
    net.tick(2, 2, 3)
    expect(voters(net, 2)).toEqual([1, 2])
  })

  test.each([
    ['removing the last voter', [remove(1), remove(2), remove(3)]],
    ['leaving a joint configuration that is none', []],
  ])('%s is refused before it gets into the log', (_, changes) => {
    const net = three()
    net.change(1, changes)
    net.propose(1, 'still here')
    net.expectApplied(['still here'])
    expect(voters(net, 2)).toEqual([1, 2, 3])
  })

  test('bytes that are no membership change are not let into the log as one', () => {
    const net = three()
    const forged = { term: 0, index: 0, type: 'confChangeV2', data: new Uint8Array([9, 9, 9, 9]) } as const
    const [template] = net.sent
    if (template === undefined) throw new Error('nothing was sent')
    net.peer(1).receive({ ...template, type: 'MsgProp', from: 2, to: 1, term: 0, entries: [forged] })
    net.settle()
    net.propose(1, 'still here')
    net.expectApplied(['still here'])
  })
})

describe('joint consensus (thesis 4.3)', () => {
  test('several voters are replaced at once, and the joint configuration is left by itself', () => {
    const net = three()
    for (const member of [4, 5]) net.addStranger(member)
    net.change(1, [add(4), add(5), remove(2), remove(3)])
    expect(net.peer(1).confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [], autoLeave: false })
    net.crash(2)
    net.crash(3)
    net.propose(1, 'a')
    net.expectApplied(['a'])
  })

  test('leaving it is proposed once, whatever is applied meanwhile', () => {
    const net = three()
    net.node(1).proposeConfChange({ transition: 'jointImplicit', changes: [learn(3)], context: new Uint8Array(0) })
    net.propose(1, 'a', 'b')
    net.propose(1, 'c')
    expect(net.peer(1).log()).toEqual(['2:', '2:confChangeV2', '2:a', '2:b', '2:confChangeV2', '2:c'])
  })

  test('while it lasts both majorities are needed to commit', () => {
    const net = three()
    for (const member of [4, 5]) net.addStranger(member)
    net.change(1, [add(4), add(5), remove(2), remove(3)], 'jointExplicit')
    net.isolate(2, 3)
    net.propose(1, 'a')
    net.expectApplied([])
    net.heal()
    net.tick(2)
    net.expectApplied(['a'])
  })

  test('while it lasts both majorities are needed to elect', () => {
    const net = three()
    for (const member of [4, 5]) net.addStranger(member)
    net.change(1, [add(4), add(5), remove(2), remove(3)], 'jointExplicit')
    net.crash(1)
    net.isolate(4, 5)
    net.campaign(4)
    expect(net.node(4).role).not.toBe('leader')
    net.heal()
    net.campaign(4)
    expect(net.leader).toBe(4)
  })

  test('an explicit one is left on request, and no other change is taken before', () => {
    const net = three()
    net.change(1, [learn(2)], 'jointExplicit')
    expect(net.peer(1).confState).toMatchObject({ voters: [1, 3], votersOutgoing: [1, 2, 3], learnersNext: [2] })
    net.change(1, [remove(3)])
    expect(voters(net, 1)).toEqual([1, 3])
    net.change(1, [])
    expect(net.peer(3).confState).toMatchObject({ voters: [1, 3], votersOutgoing: [], learners: [2], learnersNext: [] })
  })

  test('a leader that dies in the middle leaves it to its successor to leave it', () => {
    const net = three()
    // Everyone has applied the joint configuration, but the entry that leaves it never got out.
    for (const member of [4, 5]) net.addStranger(member)
    net.node(1).proposeConfChange({
      transition: 'auto',
      changes: [add(4), add(5)],
      context: new Uint8Array(0),
    })
    const joint = () => [2, 3].every(id => net.peer(id).confState.votersOutgoing.length > 0)
    for (let round = 0; round < 100 && !joint(); round++) net.step()
    net.crash(1)
    expect(joint()).toBe(true)
    net.settle()
    net.campaign(2)
    net.tick(2)
    expect(net.peer(2).confState).toMatchObject({ voters: [1, 2, 3, 4, 5], votersOutgoing: [] })
  })

  test('one that a transfer kept from being left is left when the transfer is given up', () => {
    const net = three()
    for (const member of [4, 5]) net.addStranger(member)
    net.isolate(3)
    net.node(1).proposeConfChange({ transition: 'auto', changes: [add(4), add(5)], context: new Uint8Array(0) })
    net.node(1).transferLeader(3)
    net.settle()
    net.tick(2, 1, 2, 4, 5)
    expect(net.peer(1).confState.votersOutgoing).toEqual([1, 2, 3])
    net.tick(10, 1, 2, 4, 5)
    expect([net.leader, net.peer(1).confState.votersOutgoing]).toEqual([1, []])
  })
})

describe('removal (thesis 4.2.2)', () => {
  test('a leader that removes itself steps down when told to, and the others elect another', () => {
    const net = three({ stepDownOnRemoval: true })
    net.change(1, [remove(1)])
    expect(net.node(1).role).toBe('follower')
    net.tickUntil(() => net.leader !== 0 && net.leader !== 1)
    net.propose(net.leader, 'a')
    net.expectApplied(['a'], 2, 3)
  })

  test('a removed member does not campaign once it knows', () => {
    const net = three()
    net.change(1, [remove(3)])
    net.tick(100, 3)
    expect([net.node(3).role, net.node(3).term]).toEqual(['follower', net.node(1).term])
  })

  test('a removed member that does not know disturbs nobody, with check-quorum and pre-vote', () => {
    const net = three({ checkQuorum: true, preVote: true })
    net.isolate(3)
    net.change(1, [remove(3)])
    net.heal()
    const { term } = net.node(1)
    net.tick(100)
    expect([net.leader, net.node(1).term]).toEqual([1, term])
  })

  test('a transfer to a member that is removed is given up', () => {
    const net = three()
    net.isolate(3)
    net.node(1).proposeConfChange({ transition: 'auto', changes: [remove(3)], context: new Uint8Array(0) })
    net.node(1).transferLeader(3)
    net.settle()
    expect(net.node(1).transferee).toBe(0)
    expect(net.propose(1, 'a')).toBe('ok')
  })

  test('a smaller quorum may commit at once what the larger one had not', () => {
    const net = new Network({ voters: [1, 2, 3, 4], config: { stepDownOnRemoval: true } })
    net.campaign(1)
    net.crash(4)
    net.node(1).proposeConfChange({ transition: 'auto', changes: [remove(3)], context: new Uint8Array(0) })
    net.settle()
    net.crash(3)
    net.propose(1, 'a')
    net.expectApplied(['a'], 1, 2)
  })
})
