import { describe, expect, test } from 'vitest'
import { encodeConfChange } from '../../../src/raft/conf-change.ts'
import { EMPTY_BYTES } from '../../../src/raft/types.ts'
import { foundingWrite } from '../../../src/replica/founding.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'
import type { Input, WalWrite } from '../../../src/replica/types.ts'
import { put } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

/** The beginning of a log in which members 1 and 2 have a vote each. */
function foundedByTwo(): WalWrite {
  const { install, ...founding } = foundingWrite(1)
  if (install === null) throw new Error('a cluster begins with a snapshot')
  const { metadata } = install
  const confState = { ...metadata.confState, voters: [1, 2] }
  return { ...founding, install: { ...install, metadata: { ...metadata, confState } } }
}

function isAnswered(cluster: TestCluster, member: number, seq: number): boolean {
  const id = cluster.write(member, client, seq, put('a', String(seq)))
  return cluster.responses.get(id)?.ok === true
}

describe('an orderly leave', () => {
  test('of the leader of two: the other one leads, alone votes, and goes on writing at once', () => {
    const cluster = TestCluster.of(2)
    expect([cluster.leader, cluster.voters()]).toEqual([1, [1]])
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(1)).toEqual(['left'])
    cluster.stop(1)
    expect([cluster.leader, cluster.voters()]).toEqual([2, [2]])
    expect(isAnswered(cluster, 2, 1)).toBe(true)
  })

  test('of the leader of three: no tick passes before another takes writes', () => {
    const cluster = TestCluster.of(3)
    expect(cluster.voters()).toEqual([1, 2, 3])
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(1)).toEqual(['left'])
    expect(cluster.leader).not.toBe(1)
    expect(cluster.voters()).not.toContain(1)
    const { leader } = cluster
    cluster.stop(1)
    expect(isAnswered(cluster, leader, 1)).toBe(true)
  })

  test('of one after the other: the last one has a quorum to itself', () => {
    const cluster = TestCluster.of(3)
    for (const member of [1, 2]) {
      cluster.input(member, { kind: 'leave', fate: 'demote' })
      cluster.until(`${member} may go`, () => cluster.said(member).includes('left'))
      cluster.stop(member)
    }
    expect(cluster.voters(3)).toEqual([3])
    cluster.until('it leads', () => cluster.leader === 3)
    expect(isAnswered(cluster, 3, 1)).toBe(true)
  })

  test('of the leader of two, whose last word comes while the other one waits for its own vote', () => {
    const cluster = TestCluster.of(2)
    const late: Input[] = []
    cluster.drop = ({ from, message }) => {
      const isLate = from === 1 && message.kind === 'raft' && message.message.entries.length === 0
      if (isLate) late.push({ kind: 'message', viewer: false, from, message })
      return isLate
    }
    cluster.stall(2, () => cluster.voters(2).join() === '2')
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    cluster.until('the other one alone has a vote, as gossip says', () => cluster.voters(2).join() === '2')
    expect(late).not.toHaveLength(0)
    cluster.turn(2, late)
    cluster.unstall(2)
    expect(cluster.replica(2).status().role).toBe('leader')
    expect(cluster.said(1)).toEqual(['left'])
  })

  test('of a follower: the voters stay odd in number', () => {
    const cluster = TestCluster.of(3)
    cluster.input(3, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(3)).toEqual(['left'])
    expect(cluster.voters()).toHaveLength(1)
    expect(cluster.members()).toEqual([1, 2, 3])
  })

  test('of the only member: it may go at once, and opens again with its data and its vote', () => {
    const cluster = TestCluster.of(1)
    expect(isAnswered(cluster, 1, 1)).toBe(true)
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(1)).toEqual(['left'])
    cluster.stop(1)
    cluster.restart(1)
    expect([cluster.leader, cluster.voters()]).toEqual([1, [1]])
    expect(cluster.replica(1).status().revision).toBe(2)
  })

  test('of a leader whose others are out of reach: nobody is left to hand over to, so it may go at once', () => {
    const cluster = TestCluster.of(3)
    cluster.isolate(1)
    cluster.tick(cluster.options.membership.liveTicks + 1)
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    cluster.until('it may go', () => cluster.said(1).includes('left'), 100)
  })

  test('a member that comes back under the same id votes again', () => {
    const cluster = TestCluster.of(3)
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    cluster.stop(1)
    cluster.tick(10)
    cluster.restart(1)
    cluster.until('it votes', () => cluster.leader !== 0 && cluster.voters().length === 3)
  })

  test('word of a departure that arrives when the member is back does not keep it from voting for ever', () => {
    const cluster = TestCluster.of(3)
    cluster.input(cluster.leader, {
      kind: 'message',
      viewer: false,
      from: 3,
      message: { kind: 'leave', member: 3, fate: 'demote' },
    })
    expect(cluster.voters()).toEqual([1])
    cluster.until('it votes', () => cluster.voters().length === 3)
  })
})

describe('a member that stays after all', () => {
  test('has given its vote away, and is given one again', () => {
    const cluster = TestCluster.of(3)
    cluster.input(3, { kind: 'leave', fate: 'demote' })
    expect(cluster.voters()).not.toContain(3)
    cluster.input(3, { kind: 'stay' })
    cluster.until('it votes', () => cluster.voters().length === 3, 4 * cluster.options.membership.liveTicks)
  })

  test('is told of at once, so that who goes next can hand over to it', () => {
    const cluster = TestCluster.of(2)
    const { leader: stayed } = cluster
    const other = 3 - stayed
    cluster.input(stayed, { kind: 'leave', fate: 'demote' })
    expect(cluster.leader).toBe(other)
    cluster.input(stayed, { kind: 'stay' })
    cluster.input(other, { kind: 'leave', fate: 'demote' })
    expect([cluster.leader, cluster.voters(stayed)]).toEqual([stayed, [stayed]])
  })

  test('follows whoever it handed leadership to, and can lead again', () => {
    const cluster = TestCluster.of(3)
    const { leader: stayed } = cluster
    cluster.input(stayed, { kind: 'leave', fate: 'demote' })
    const { leader: heir } = cluster
    expect(heir).not.toBe(stayed)
    cluster.input(stayed, { kind: 'stay' })
    cluster.until('it votes', () => cluster.voters().includes(stayed))
    expect(cluster.leader).toBe(heir)
    cluster.input(heir, { kind: 'leave', fate: 'demote' })
    cluster.stop(heir)
    cluster.until('another leads', () => ![0, heir].includes(cluster.leader))
    expect(isAnswered(cluster, stayed, 1)).toBe(true)
  })

  test('keeps vote and leadership if there was nobody to hand them to', () => {
    const cluster = TestCluster.of(1)
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    cluster.input(1, { kind: 'stay' })
    cluster.join(2)
    cluster.until('another is let in', () => cluster.members().length === 2)
    cluster.tick(3 * cluster.options.membership.liveTicks)
    expect([cluster.leader, cluster.voters()]).toEqual([1, [1]])
    expect(isAnswered(cluster, 1, 1)).toBe(true)
  })

  test('says that it may go when it leaves again, and not before', () => {
    const cluster = TestCluster.of(3)
    cluster.input(3, { kind: 'leave', fate: 'demote' })
    cluster.input(3, { kind: 'stay' })
    cluster.until('it votes', () => cluster.voters().includes(3))
    expect(cluster.said(3)).toEqual(['left'])
    cluster.input(3, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(3)).toEqual(['left', 'left'])
  })
})

test('a member left alone is alone after a restart, too, even if nothing was written in between', () => {
  const cluster = TestCluster.of(2)
  cluster.input(1, { kind: 'leave', fate: 'demote' })
  cluster.stop(1)
  cluster.stop(2)
  cluster.restart(2)
  cluster.until('it leads', () => cluster.leader === 2, 2 * cluster.options.electionTicks)
  expect(cluster.voters()).toEqual([2])
  expect(isAnswered(cluster, 2, 1)).toBe(true)
})

describe('an orphan that a sibling has adopted', () => {
  test('is removed, and does not ask to be let in again', () => {
    const cluster = TestCluster.of(4)
    cluster.stop(2)
    cluster.restart(2)
    cluster.until('it knows of the leader', () => cluster.leader !== 0)
    cluster.input(2, { kind: 'leave', fate: 'remove' })
    cluster.until('it is removed', () => cluster.leader !== 0 && !cluster.members(1).includes(2))
    cluster.tick(50)
    expect(cluster.said(2)).toContain('left')
    expect(cluster.members(1)).toEqual([1, 3, 4])
  })

  test('hands over if it leads, even if it was alone at first', () => {
    const cluster = TestCluster.of(3)
    cluster.isolate(1)
    cluster.tick(cluster.options.membership.liveTicks + 1)
    cluster.input(1, { kind: 'leave', fate: 'remove' })
    cluster.heal()
    cluster.until('it is removed', () => !cluster.members(2).includes(1))
    expect([2, 3]).toContain(cluster.replica(2).status().leader)
  })
})

describe('a leader that vanished', () => {
  test('is followed at once by whoever is handed its name', () => {
    const cluster = TestCluster.of(3)
    const { leader } = cluster
    const heir = leader === 2 ? 3 : 2
    cluster.vanish(leader)
    cluster.input(heir, { kind: 'peerEnded', member: leader })
    expect(cluster.leader).toBe(heir)
    expect(isAnswered(cluster, heir, 1)).toBe(true)
  })

  test('and is lent a voice says by it that it leads no more, so nobody waits for the election timeout', () => {
    const cluster = TestCluster.of(3)
    const { leader } = cluster
    cluster.vanish(leader)
    cluster.restart(leader, { kind: 'leave', fate: 'demote' })
    cluster.until('another leads', () => ![0, leader].includes(cluster.leader), cluster.options.electionTicks / 2)
    cluster.until('it has no vote', () => !cluster.voters().includes(leader))
  })

  test('is not replaced by a member that has no vote', () => {
    const cluster = TestCluster.of(2)
    cluster.vanish(1)
    cluster.input(2, { kind: 'peerEnded', member: 1 })
    expect(cluster.replica(2).status().role).toBe('follower')
    cluster.restart(1, { kind: 'leave', fate: 'demote' })
    cluster.until('the other one leads', () => cluster.leader === 2)
    expect(cluster.voters()).toEqual([2])
  })
})

describe('a member whose end is told', () => {
  test('and that did not lead, leaves the leader as it is', () => {
    const cluster = TestCluster.of(3)
    const { leader } = cluster
    const [heir = 0, gone = 0] = [1, 2, 3].filter(member => member !== leader)
    const { term } = cluster.replica(leader).status()
    cluster.vanish(gone)
    cluster.input(heir, { kind: 'peerEnded', member: gone })
    expect([cluster.leader, cluster.replica(leader).status().term]).toEqual([leader, term])
  })
})

describe('orphans that a sibling has adopted together with itself', () => {
  // Over several seeds, so that each of the orphans gets to lead first.
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test(`hand leadership to the one who stays, not to each other (seed ${seed})`, () => {
      const cluster = TestCluster.of(3, {}, seed)
      const stays = 3
      const orphans = [1, 2]
      for (const member of [1, 2, 3]) cluster.stop(member)
      for (const member of [1, 2, 3]) cluster.restart(member)
      for (const orphan of orphans) cluster.input(orphan, { kind: 'leave', fate: 'remove' })
      cluster.until('it is alone', () => cluster.replica(stays).status().members.length === 1)
      expect(cluster.voters(stays)).toEqual([stays])
      expect(isAnswered(cluster, stays, 1)).toBe(true)
    })
  }
})

describe('a member that was forgotten while it was away', () => {
  test('is told when it comes back', () => {
    const cluster = TestCluster.of(3)
    cluster.stop(3)
    cluster.until('it is forgotten', () => !cluster.members().includes(3), cluster.options.membership.forgetTicks + 100)
    cluster.restart(3)
    cluster.tick(2 * cluster.options.gossipTicks)
    expect(cluster.said(3)).toContain('removed')
  })

  test('but not before the leader would know of it after a restart', () => {
    const { membership } = defaultReplicaOptions
    const cluster = TestCluster.of(4, {
      electionTicks: 100,
      membership: { ...membership, targetVoters: 3, forgetTicks: 60 },
    })
    const { leader } = cluster
    const learner = cluster.members().find(member => !cluster.voters().includes(member)) ?? 0
    cluster.stop(learner)
    cluster.stall(leader, ({ entries }) => entries.length === 0)
    cluster.until('it is forgotten', () => !cluster.members(leader).includes(learner))
    cluster.restart(learner)
    cluster.tick(2 * cluster.options.gossipTicks)
    expect(cluster.said(learner)).toEqual([])
    cluster.unstall(leader)
    cluster.tick(2 * cluster.options.gossipTicks)
    expect(cluster.said(learner)).toContain('removed')
  })

  test('a member that is still one is not', () => {
    const cluster = TestCluster.of(3)
    cluster.stop(3)
    cluster.tick(100)
    cluster.restart(3)
    cluster.tick(2 * cluster.options.gossipTicks)
    expect(cluster.said(3)).toEqual([])
  })
})

describe('a leader whose log holds its own removal', () => {
  test('commits it and then hears its own disk, whose word no longer counts', () => {
    const removal = encodeConfChange({
      transition: 'auto',
      changes: [{ type: 'removeMember', member: 1 }],
      context: EMPTY_BYTES,
    })
    const log: WalWrite = {
      ...foundedByTwo(),
      entries: [{ term: 1, index: 2, type: 'confChangeV2', data: removal }],
    }
    const cluster = new TestCluster()
    const isOf2 = (type: string) => (sent: (typeof cluster.sent)[number]) =>
      sent.from === 2 && sent.message.kind === 'raft' && sent.message.message.type === type
    // Only the first asks for votes, and the answer that lets it commit comes late.
    cluster.drop = sent => isOf2('MsgPreVote')(sent) || isOf2('MsgAppResp')(sent)
    for (const member of [1, 2]) cluster.open(member, log)
    cluster.until('it leads', () => cluster.leader === 1)
    const answer = cluster.sent.findLast(isOf2('MsgAppResp'))
    if (answer === undefined) throw new Error('nobody answered')
    const command = { clientId: client, seq: 1, acked: 0, request: put('a', '1') }
    cluster.turn(1, [
      { kind: 'request', id: 1, request: { kind: 'write', command } },
      { kind: 'message', viewer: false, from: 2, message: answer.message },
    ])
    expect(cluster.voters(1)).toEqual([2])
  })
})

describe('a voter that came back without what it was the last to know', () => {
  test('is told by those it let go, whose votes it must not wait for, although their logs go on', () => {
    const demotion = encodeConfChange({
      transition: 'auto',
      changes: [{ type: 'addLearner', member: 2 }],
      context: EMPTY_BYTES,
    })
    const both = foundedByTwo()
    const change = { term: 1, index: 2, type: 'confChangeV2', data: demotion } as const
    const after = { term: 1, index: 3, type: 'normal', data: EMPTY_BYTES } as const
    const cluster = new TestCluster()
    // The leader committed the change alone, told the other, and lost the end of its log, and the commit index, in a crash.
    cluster.open(1, { ...both, entries: [change] })
    cluster.open(2, { ...both, entries: [change, after], hardState: { term: 1, vote: 1, commit: 2 } })
    cluster.until('it leads', () => cluster.leader === 1)
    expect(isAnswered(cluster, 1, 1)).toBe(true)
  })
})
