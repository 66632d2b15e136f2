import { describe, expect, test } from 'vitest'
import { JointQuorum, MajorityQuorum } from '../../../src/raft/quorum.ts'
import { PENDING_READS_MAX, ReadOnly } from '../../../src/raft/read-only.ts'
import type { MemberId } from '../../../src/raft/types.ts'
import { bytes, Network, text } from './network.ts'

function read(net: Network, id: MemberId, context: string): void {
  net.node(id).readIndex(bytes(context))
  net.settle()
}

const answers = (net: Network, id: MemberId) =>
  net.peer(id).reads.map(({ index, requestContext }) => `${text(requestContext)}@${index}`)

describe('linearizable reads (thesis 6.4)', () => {
  test('the leader answers with its commit index once a quorum has confirmed it', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.propose(1, 'a')
    read(net, 1, 'r')
    expect(answers(net, 1)).toEqual(['r@3'])
  })

  test('a follower and a learner get the index from the leader', () => {
    const net = new Network({ voters: [1, 2, 3], learners: [4] })
    net.campaign(1)
    net.propose(1, 'a')
    read(net, 2, 'from follower')
    read(net, 4, 'from learner')
    expect(answers(net, 2)).toEqual(['from follower@3'])
    expect(answers(net, 4)).toEqual(['from learner@3'])
    expect(answers(net, 1)).toEqual([])
  })

  test('a leader cut off from its quorum does not answer', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.isolate(1)
    net.campaign(2)
    net.propose(2, 'news')
    read(net, 1, 'stale')
    net.tick(30, 1)
    expect(answers(net, 1)).toEqual([])
    net.heal()
    net.tick(3)
    expect(answers(net, 1)).toEqual([])
  })

  test('learners do not confirm', () => {
    const net = new Network({ voters: [1, 2, 3], learners: [4, 5] })
    net.campaign(1)
    net.crash(2)
    net.crash(3)
    read(net, 1, 'r')
    expect(answers(net, 1)).toEqual([])
  })

  test('a new leader answers only after it has committed an entry of its own term', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.propose(1, 'a')
    net.crash(1)
    net.ignore('MsgApp')
    net.campaign(2)
    net.tick(1, 2)
    read(net, 2, 'early')
    read(net, 3, 'early too')
    expect([answers(net, 2), answers(net, 3)]).toEqual([[], []])
    net.heal()
    net.tick(2)
    expect(answers(net, 2)).toEqual(['early@4'])
    expect(answers(net, 3)).toEqual(['early too@4'])
  })

  test('a single voter confirms itself, after its first commit', () => {
    const net = new Network({ voters: [1], config: { asyncStorageWrites: true } })
    net.peer(1).diskHeld = true
    net.node(1).campaign()
    net.settle()
    net.peer(1).finishWrite()
    net.settle()
    expect(net.node(1).role).toBe('leader')
    read(net, 1, 'r')
    expect(answers(net, 1)).toEqual([])
    net.peer(1).diskHeld = false
    net.settle()
    expect(answers(net, 1)).toEqual(['r@2'])
  })

  test('any number of reads that arrive together cost one round of heartbeats', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.sent.length = 0
    for (let i = 0; i < 100; i++) net.node(1).readIndex(bytes(`r${i}`))
    net.settle()
    expect(net.sent.filter(({ type }) => type === 'MsgHeartbeat')).toHaveLength(2)
    expect(answers(net, 1)).toHaveLength(100)
  })

  test('reads whose heartbeats were lost are confirmed by the next', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.isolate(1)
    read(net, 1, 'r')
    net.heal()
    expect(answers(net, 1)).toEqual([])
    net.tick(1)
    expect(answers(net, 1)).toEqual(['r@2'])
  })

  test('a joint configuration needs both of its majorities', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.addStranger(4)
    net.addStranger(5)
    const changes = [4, 5].map(member => ({ type: 'addVoter', member }) as const)
    net.change(
      1,
      [...changes, { type: 'removeMember', member: 2 }, { type: 'removeMember', member: 3 }],
      'jointExplicit',
    )
    expect(net.peer(1).confState.votersOutgoing).toEqual([1, 2, 3])
    net.cut(1, 4)
    net.cut(1, 5)
    read(net, 1, 'r')
    expect(answers(net, 1)).toEqual([])
    net.heal()
    net.tick(1)
    expect(answers(net, 1)).toHaveLength(1)
  })

  test('without a leader a read is not answered', () => {
    const net = new Network({ voters: [1, 2, 3] })
    read(net, 1, 'r')
    expect(answers(net, 1)).toEqual([])
  })
})

describe('lease reads', () => {
  const config = { checkQuorum: true, readOnly: 'leaseBased' } as const

  test('are answered without asking anyone', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.sent.length = 0
    read(net, 1, 'r')
    expect(net.sent).toEqual([])
    expect(answers(net, 1)).toEqual(['r@2'])
  })

  test('a follower that keeps a lease does not forget its leader', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.node(2).forgetLeader()
    expect(net.node(2).leader).toBe(1)
  })
})

describe('ReadOnly', () => {
  const voters = new JointQuorum(new MajorityQuorum([1, 2, 3]))
  const ask = (reads: ReadOnly, name: string) => reads.add({ from: 1, context: bytes(name), index: 1 })
  const release = (reads: ReadOnly) => reads.release(voters).map(({ context }) => text(context))

  test('an answer confirms what was asked before its heartbeat, and nothing after', () => {
    const reads = new ReadOnly()
    ask(reads, 'a')
    const context = reads.announce(1)
    ask(reads, 'b')
    reads.acknowledge(2, context)
    expect(release(reads)).toEqual(['a'])
    reads.acknowledge(3, context)
    expect(release(reads)).toEqual([])
    reads.acknowledge(2, reads.announce(1))
    expect(release(reads)).toEqual(['b'])
  })

  test('a late answer cannot take back a later one, and a forged one confirms nothing', () => {
    const reads = new ReadOnly()
    ask(reads, 'a')
    const first = reads.announce(1)
    ask(reads, 'b')
    const second = reads.announce(1)
    reads.acknowledge(2, second)
    reads.acknowledge(2, first)
    expect(release(reads)).toEqual(['a', 'b'])
    ask(reads, 'c')
    const future = new Uint8Array(8)
    new DataView(future.buffer).setFloat64(0, 1e9)
    for (const forged of [future, new Uint8Array(8).fill(255), bytes('?'), new Uint8Array(0)]) {
      reads.acknowledge(2, forged)
      reads.acknowledge(3, forged)
    }
    expect(release(reads)).toEqual([])
  })

  test('takes no more than it has room for', () => {
    const reads = new ReadOnly()
    for (let i = 0; i < PENDING_READS_MAX; i++) expect(ask(reads, '')).toBe(true)
    expect(ask(reads, 'one too many')).toBe(false)
  })
})
