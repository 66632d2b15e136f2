import { describe, expect, test } from 'vitest'
import { Topology } from '../../../src/net/worker/topology.ts'
import { fanOutMax, learnerLinks, type PeerView, planLinks, viewPeers } from '../../../src/net/worker/wanted.ts'
import { nameOf } from './virtual-mesh.ts'

function view(peer: string, fields: Partial<PeerView> = {}): PeerView {
  return { peer, votes: false, viewer: false, linked: false, wantsUs: false, dependants: 0, depth: 1, ...fields }
}

const voters = ['a', 'b', 'c', 'd', 'e'].map(peer => view(peer, { votes: true, depth: 0 }))
const learners = Array.from({ length: 10 }, (_, at) => view(`learner-${at}`))
const learner = { peer: 'self', votes: false }
const voter = { peer: 'self', votes: true }
const none: ReadonlySet<string> = new Set()

describe('whom a tab wants', () => {
  test('everyone, up to eight tabs', () => {
    const seven = [...voters, ...learners].slice(0, 7)
    expect(planLinks(learner, seven, none)).toEqual({ wanted: 'all', surplus: [] })
    expect(planLinks(learner, [...voters, ...learners], none).wanted).not.toBe('all')
  })

  test('everyone, while nobody who votes is in reach', () => {
    const lost = learners.map(peer => ({ ...peer, depth: Infinity }))
    expect(planLinks(learner, lost, none).wanted).toBe('all')
  })

  test('a voter: all voters', () => {
    expect(planLinks(voter, [...voters, ...learners], none).wanted).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('a learner: a few, the first as near to the voters as there is a place, the others beside it', () => {
    const full = voters.map(peer => ({ ...peer, dependants: peer.peer === 'c' ? fanOutMax - 1 : fanOutMax }))
    const { wanted } = planLinks(learner, [...full, ...learners], none)
    expect(wanted).toHaveLength(learnerLinks)
    expect(wanted[0]).toBe('c')
    expect(learners.map(({ peer }) => peer)).toEqual(expect.arrayContaining(wanted.slice(1) as string[]))
  })

  test('nobody who would be reached through itself, and no viewer', () => {
    const below = learners.map(peer => ({ ...peer, depth: Infinity }))
    const viewers = Array.from({ length: 5 }, (_, at) => view(`viewer-${at}`, { viewer: true }))
    const { wanted } = planLinks(learner, [...voters, ...below, ...viewers], none)
    for (const peer of wanted) expect(['a', 'b', 'c', 'd', 'e']).toContain(peer)
  })

  test('whom it has, though another would do as well', () => {
    const peers = [...voters, ...learners].map(peer => ({ ...peer, linked: ['e', 'learner-7'].includes(peer.peer) }))
    const { wanted } = planLinks(learner, peers, new Set(['e', 'learner-7']))
    expect(wanted).toEqual(expect.arrayContaining(['e', 'learner-7']))
  })

  test('somebody, though all are full', () => {
    const full = [...voters, ...learners].map(peer => ({ ...peer, dependants: fanOutMax + 3 }))
    expect(planLinks(learner, full, none).wanted).toHaveLength(learnerLinks)
  })
})

describe('which links are too many', () => {
  test('those that neither end wants, once all that are wanted are there', () => {
    const linked = voters.map(peer => ({ ...peer, linked: true }))
    const [first, second, ...others] = learners.map(peer => ({ ...peer, linked: true }))
    if (first === undefined || second === undefined) throw new Error('ten learners')
    const peers = [...linked, first, { ...second, wantsUs: true }, ...others.map(peer => ({ ...peer, linked: false }))]
    expect(planLinks(voter, peers, none).surplus).toEqual([first.peer])
    expect(planLinks(voter, [...voters, ...peers.slice(5)], none).surplus).toEqual([])
  })

  test('of those that depend on a tab, as many as are over its bound, always the same', () => {
    const wanting = learners.map(peer => ({ ...peer, linked: true, wantsUs: true }))
    const { surplus } = planLinks(voter, [...voters, ...wanting], none)
    expect(surplus).toHaveLength(learners.length - fanOutMax)
    expect(planLinks(voter, [...wanting, ...voters], none).surplus).toEqual(surplus)
  })
})

/** Tabs come one by one, each links as it plans, and everybody plans again until nothing changes. */
function grown(tabs: number, votersCount: number): { links: Map<number, Set<number>>; depth: number; fanOut: number } {
  const wants = new Map<number, Set<number>>()
  const votes = (member: number) => member <= votersCount
  for (let member = 1; member <= tabs; member += 1) wants.set(member, new Set())
  const plan = (member: number, known: number) => {
    const topology = topologyOf(member, known, wants)
    const before = new Set([...(wants.get(member) ?? [])].map(nameOf))
    const self = { peer: nameOf(member), votes: votes(member) }
    const { wanted, surplus } = planLinks(self, viewPeers(topology, votes), before)
    const peers = wanted === 'all' ? Array.from({ length: known }, (_, at) => at + 1) : wanted.map(memberOf)
    wants.set(member, new Set(peers.filter(peer => peer !== member)))
    for (const peer of surplus) wants.get(memberOf(peer))?.delete(member)
  }
  for (let member = 1; member <= tabs; member += 1) {
    // Whoever comes finds somebody by chance first.
    wants.set(member, new Set(member === 1 ? [] : [1 + ((member * 7919) % (member - 1))]))
    plan(member, member)
  }
  for (let round = 0; round < 3; round += 1) for (let member = 1; member <= tabs; member += 1) plan(member, tabs)
  const links = new Map<number, Set<number>>([...wants].map(([member, peers]) => [member, new Set(peers)]))
  for (const [member, peers] of wants) for (const peer of peers) links.get(peer)?.add(member)
  const depths = new Map(Array.from({ length: votersCount }, (_, at) => [at + 1, 0]))
  for (const [member, depth] of depths) {
    for (const peer of links.get(member) ?? []) if (!depths.has(peer)) depths.set(peer, depth + 1)
  }
  expect(depths.size).toBe(tabs)
  const fanOuts = [...wants.keys()].map(
    member => [...wants].filter(([other, peers]) => !votes(other) && peers.has(member)).length,
  )
  return { links, depth: Math.max(...depths.values()), fanOut: Math.max(...fanOuts) }
}

function memberOf(name: string): number {
  return Number(name.slice(nameOf(0).length - 1))
}

function topologyOf(self: number, known: number, wants: ReadonlyMap<number, ReadonlySet<number>>): Topology {
  const topology = new Topology(nameOf(self))
  topology.host([self])
  const linked = (a: number, b: number) => wants.get(a)?.has(b) === true || wants.get(b)?.has(a) === true
  for (let member = 1; member <= known; member += 1) {
    if (member === self) continue
    if (linked(self, member)) topology.link(nameOf(member), false, [member])
    const neighbours = Array.from({ length: known }, (_, at) => at + 1)
      .filter(other => other !== member && linked(member, other))
      .map(other => ({ peer: nameOf(other), wanted: wants.get(member)?.has(other) === true }))
    topology.learn({ peer: nameOf(member), sequence: 1, viewer: false, members: [member], neighbours })
  }
  return topology
}

test.each([
  [20, 2],
  [60, 3],
])(
  '%i tabs with five voters: everyone in reach within %i hops of a voter, nobody with too many to feed',
  (tabs, hops) => {
    const { depth, fanOut, links } = grown(tabs, 5)
    expect(depth).toBeLessThanOrEqual(hops)
    expect(fanOut).toBeLessThanOrEqual(fanOutMax)
    for (let member = 6; member <= tabs; member += 1) {
      expect(links.get(member)?.size ?? 0).toBeGreaterThanOrEqual(learnerLinks)
    }
  },
)
