import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConfState, MemberId } from '../../../src/raft/types.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'
import type { ClusterEvent, MembershipChange } from '../../../src/replica/types.ts'
import { put } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const { membership, ticksPerSecond } = defaultReplicaOptions

/** What the membership did, one line a change, as one member saw it. */
function changes(events: readonly ClusterEvent[]): string[] {
  return events.flatMap(event => (event.kind === 'membership' ? event.changes.map(line) : []))
}

function line({ member, change, reason }: MembershipChange): string {
  return `${member} ${change}: ${reason}`
}

/** Who votes and who learns, after these events. */
function replayed(events: readonly ClusterEvent[], founder: MemberId): Pick<ConfState, 'voters' | 'learners'> {
  const roles = new Map<MemberId, 'voter' | 'learner'>([[founder, 'voter']])
  for (const event of events) {
    if (event.kind !== 'membership') continue
    for (const { member, change } of event.changes) {
      if (change === 'removed') roles.delete(member)
      else roles.set(member, change === 'promoted' ? 'voter' : 'learner')
    }
  }
  const of = (role: string) => [...roles].flatMap(([member, is]) => (is === role ? [member] : [])).sort((a, b) => a - b)
  return { voters: of('voter'), learners: of('learner') }
}

function roles(cluster: TestCluster, as: MemberId): Pick<ConfState, 'voters' | 'learners'> {
  const { voters, learners } = cluster.replica(as).configuration
  const inOrder = (members: readonly MemberId[]) => [...members].sort((a, b) => a - b)
  return { voters: inOrder(voters), learners: inOrder(learners) }
}

class Writer {
  readonly #cluster: TestCluster
  #seq = 0

  constructor(cluster: TestCluster) {
    this.#cluster = cluster
  }

  /** Ticks until a write of that member's client is answered. */
  ticksToAnswer(member: MemberId): number {
    this.#seq += 1
    const id = this.#cluster.write(member, 'c'.repeat(32), this.#seq, put('a', String(this.#seq)))
    let ticks = 0
    this.#cluster.until('the write is answered', () => {
      ticks += 1
      return this.#cluster.responses.get(id)?.ok === true
    })
    return ticks - 1
  }
}

function leaves(cluster: TestCluster, member: MemberId): void {
  cluster.input(member, { kind: 'leave', fate: 'demote' })
  cluster.until(`${member} may go`, () => cluster.said(member).includes('left'), 2)
  cluster.stop(member)
}

describe('what members see of', () => {
  test('a tab alone: it leads, and that is all', () => {
    expect(TestCluster.of(1).events(1)).toEqual([
      { kind: 'leader', term: 2, leader: 1 },
      { kind: 'quorum', reached: true },
    ])
  })

  test('two tabs: the second is let in, and is given the state before it sees anything', () => {
    const cluster = TestCluster.of(2)
    expect(changes(cluster.events(1))).toEqual(['2 joined: asked'])
    expect(cluster.events(2)).toMatchObject([
      { kind: 'leader', leader: 1 },
      { kind: 'quorum', reached: true },
      { kind: 'snapshot' },
    ])
  })

  test('two tabs of which the leader goes: its vote goes with the word that it left', () => {
    const cluster = TestCluster.of(2)
    leaves(cluster, 1)
    expect(changes(cluster.events(2))).toEqual(['1 demoted: leaving', '2 promoted: successor'])
    expect(cluster.events(2)).toContainEqual({ kind: 'leader', term: 3, leader: 2 })
  })

  test('five tabs: voters are odd in number at all times, and everyone knows why', () => {
    const cluster = TestCluster.of(5)
    expect(cluster.voters()).toEqual([1, 2, 3, 4, 5])
    const seen = changes(cluster.events(1))
    expect(seen.filter(text => text.endsWith('asked'))).toHaveLength(4)
    expect(seen.filter(text => text.endsWith('promoted: caughtUp'))).toHaveLength(4)
    for (const event of cluster.events(1)) {
      if (event.kind !== 'membership') continue
      const until = cluster.events(1).slice(0, cluster.events(1).indexOf(event) + 1)
      expect(replayed(until, 1).voters.length % 2).toBe(1)
    }
    for (const member of [2, 3, 4, 5]) {
      const own = changes(cluster.events(member))
      expect(seen.slice(-own.length)).toEqual(own)
    }
  })

  test('a voter that is lost: it is replaced after its time, and forgotten after another', () => {
    const cluster = TestCluster.of(4, { membership: { ...membership, targetVoters: 3, forgetTicks: 600 } })
    const { leader } = cluster
    const lost = cluster.voters().find(member => member !== leader) ?? 0
    const [spare = 0] = cluster.members().filter(member => !cluster.voters().includes(member))
    const before = changes(cluster.events(leader)).length
    cluster.stop(lost)
    cluster.until('it is forgotten', () => !cluster.members().includes(lost), 700)
    expect(changes(cluster.events(leader)).slice(before)).toEqual([
      `${lost} demoted: silent`,
      `${spare} promoted: replacement`,
      `${lost} removed: forgotten`,
    ])
  })

  test('a quorum that is lost and found', () => {
    const cluster = TestCluster.of(3)
    const [member = 0] = cluster.voters().filter(voter => voter !== cluster.leader)
    cluster.isolate(member)
    cluster.tick(3 * cluster.options.electionTicks)
    cluster.heal()
    cluster.tick(cluster.options.electionTicks)
    const quorum = cluster.events(member).flatMap(event => (event.kind === 'quorum' ? [event.reached] : []))
    expect(quorum).toEqual([true, false, true])
  })

  test('what is withheld, told once however long it lasts', () => {
    const cluster = TestCluster.of(3, { membership: { ...membership, minVoters: 3 } })
    const [first = 0] = cluster.voters().filter(voter => voter !== cluster.leader)
    cluster.stop(first)
    cluster.tick(3 * membership.replaceTicks)
    const withheld = cluster.events(cluster.leader).filter(({ kind }) => kind === 'withheld')
    expect(withheld).toEqual([
      {
        kind: 'withheld',
        because: 'tooFewVoters',
        changes: [{ member: first, change: 'demoted', reason: 'silent' }],
      },
    ])
    cluster.restart(first)
    cluster.tick(cluster.options.electionTicks)
    cluster.stop(first)
    cluster.tick(3 * membership.replaceTicks)
    expect(cluster.events(cluster.leader).filter(({ kind }) => kind === 'withheld')).toHaveLength(2)
  })
})

describe('a member that is opened again', () => {
  test('is not told again what its log held when it was closed', () => {
    const cluster = TestCluster.of(3)
    const { leader } = cluster
    const [member = 0] = cluster.voters().filter(voter => voter !== leader)
    leaves(cluster, member)
    const missed = changes(cluster.events(leader)).slice(-2)
    cluster.restart(member)
    cluster.until('it votes', () => cluster.leader !== 0 && cluster.voters().length === 3)
    const own = changes(cluster.events(member))
    expect(changes(cluster.events(leader)).slice(-own.length)).toEqual(own)
    expect(own).toHaveLength(2)
    expect(missed).toHaveLength(2)
  })
})

describe('twenty tabs closed one after another', () => {
  const count = 20
  const everyone = Array.from({ length: count }, (_, i) => i + 1)
  const order = fc.shuffledSubarray(everyone, { minLength: count, maxLength: count })

  test('in any order: with each, whoever stays goes on writing at once, down to the last', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 1_000 }), (closing, seed) => {
        const cluster = TestCluster.of(count, {}, seed)
        const writer = new Writer(cluster)
        const [first = 0] = closing
        const watcher = closing.at(-1) ?? first
        for (const [i, member] of closing.slice(0, -1).entries()) {
          leaves(cluster, member)
          const [next = 0] = closing.slice(i + 1)
          expect(writer.ticksToAnswer(next)).toBe(0)
          const { voters } = cluster.replica(next).configuration
          expect(voters.length).toBe(Math.min(membership.targetVoters, largestOdd(count - i - 1)))
        }
        expect(roles(cluster, watcher).voters).toEqual([watcher])
        expect(changes(cluster.events(watcher)).filter(text => text.endsWith('unknown'))).toEqual([])
      }),
      { numRuns: 15 },
    )
  })

  test('in any order and some of them before they are done: the others wait less than a second', {
    timeout: 60_000,
  }, () => {
    // Until three are left: of two, the one that leads cannot go without being heard to the end.
    const cut = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: count, maxLength: count })
    fc.assert(
      fc.property(order, cut, fc.integer({ min: 1, max: 1_000 }), (closing, heard, seed) => {
        const cluster = TestCluster.of(count, {}, seed)
        const writer = new Writer(cluster)
        for (const [i, member] of closing.slice(0, -3).entries()) {
          let sent = 0
          cluster.drop = ({ from, to }) => {
            if (from === member) sent += 1
            return (from === member || to === member) && sent > (heard[i] ?? 0)
          }
          cluster.input(member, { kind: 'leave', fate: 'demote' })
          cluster.stop(member)
          cluster.drop = () => false
          expect(writer.ticksToAnswer(closing.at(-1) ?? 0)).toBeLessThan(ticksPerSecond)
        }
      }),
      { numRuns: 15 },
    )
  })
})

describe('forty tabs that come and go', () => {
  const options = { ...membership, replaceTicks: 60, forgetTicks: 200 }
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom('close', 'crash', 'open', 'open', 'return'),
      pick: fc.nat(),
      ticks: fc.integer({ min: 1, max: 40 }),
    }),
    { minLength: 20, maxLength: 50 },
  )

  test('have five voters, keep a quorum, are forgotten when they stay away, and each of it is told with its reason', {
    timeout: 60_000,
  }, () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 1_000 }), (taken, seed) => {
        const cluster = TestCluster.of(36, { membership: options }, seed)
        const writer = new Writer(cluster)
        // Member 1 stays, to tell the whole story.
        const open = new Set(cluster.members().filter(member => member !== 1))
        const away = new Set<MemberId>()
        let newest = 36
        const oneOf = (members: ReadonlySet<MemberId>, pick: number) => [...members][pick % members.size] ?? 0
        for (const { kind, pick, ticks } of taken) {
          if (kind === 'open' && open.size < 39) {
            newest += 1
            cluster.join(newest)
            open.add(newest)
          } else if (kind === 'return' && away.size > 0) {
            const member = oneOf(away, pick)
            away.delete(member)
            cluster.restart(member)
            // Whoever stayed away for too long is told, and would go.
            if (cluster.members(1).includes(member)) open.add(member)
            else cluster.stop(member)
          } else if (kind === 'close' && open.size > 8) {
            const member = oneOf(open, pick)
            leaves(cluster, member)
            open.delete(member)
            away.add(member)
          } else if (kind === 'crash' && open.size > 8 && ticks > 10) {
            const member = oneOf(open, pick)
            cluster.stop(member)
            open.delete(member)
            away.add(member)
          }
          cluster.tick(ticks)
          expect(writer.ticksToAnswer(1)).toBeLessThan(ticksPerSecond)
        }
        cluster.tick(options.replaceTicks + options.forgetTicks + 60)
        const here = [1, ...open].sort((a, b) => a - b)
        expect(cluster.members(1)).toEqual(here)
        expect(cluster.voters(1)).toHaveLength(membership.targetVoters)
        const events = cluster.events(1)
        expect(replayed(events, 1)).toEqual(roles(cluster, 1))
        expect(changes(events).filter(text => text.endsWith('unknown'))).toEqual([])
      }),
      { numRuns: 2 },
    )
  })
})

describe('how long a member is away', () => {
  test('is counted by whoever heard of it, not anew by every leader', () => {
    const cluster = TestCluster.of(6, { membership: { ...membership, replaceTicks: 60, forgetTicks: 400 } })
    const gone = cluster.members().find(member => !cluster.voters().includes(member)) ?? 0
    cluster.stop(gone)
    for (let moved = 0; moved < 5 && cluster.members(1).includes(gone); moved += 1) {
      cluster.tick(100)
      const to = cluster.voters().find(member => member !== cluster.leader) ?? 0
      cluster.input(cluster.leader, { kind: 'transfer', to })
    }
    expect(cluster.members(1)).not.toContain(gone)
  })
})

describe('a leader that goes when nobody has caught up', () => {
  test('says that it keeps its vote, and gives it up as soon as somebody has', () => {
    const cluster = TestCluster.of(2)
    cluster.drop = ({ from }) => from === 2
    for (let seq = 1; seq <= membership.promotionLagMax + 1; seq += 1) {
      cluster.write(1, 'c'.repeat(32), seq, put('a', String(seq)))
    }
    cluster.drop = sent => sent.from === 2 && sent.message.kind === 'raft' && sent.message.message.type === 'MsgAppResp'
    cluster.tick(cluster.options.gossipTicks)
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(1)).toEqual([])
    expect(cluster.events(1).at(-1)).toEqual({
      kind: 'withheld',
      because: 'noSuccessor',
      changes: [{ member: 1, change: 'demoted', reason: 'leaving' }],
    })
    cluster.drop = () => false
    cluster.until('it may go', () => cluster.said(1).includes('left'))
    cluster.stop(1)
    expect(new Writer(cluster).ticksToAnswer(2)).toBe(0)
  })
})

function largestOdd(count: number): number {
  return count % 2 === 1 ? count : count - 1
}
