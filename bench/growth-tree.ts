import type { PeerRecord } from '../src/net/routed.ts'
import { fullMeshPeersMax, type PeerView, planLinks } from '../src/net/worker/wanted.ts'

/** Who wants whom, by numbers from 0; the first are voters. */
export type Wants = readonly ReadonlySet<number>[]

export function nameOf(at: number): string {
  return `tab-${at}`
}

/** Tabs that come one by one, each linked by what the worker's own plan says of the others that are there. */
export function plantTree(tabs: number, voters: number): Wants {
  const wants: Set<number>[] = []
  for (let at = 0; at < tabs; at += 1) {
    wants.push(new Set())
    replan(at, voters, wants)
  }
  // What was a full mesh when there were few is one no more.
  for (let at = 0; at < tabs; at += 1) replan(at, voters, wants)
  return wants
}

/** Every voter feeds everyone: what a cluster costs without others that pass things on. */
export function plantStar(tabs: number, voters: number): Wants {
  const all = (at: number) => Array.from({ length: at }, (_, other) => other)
  return Array.from({ length: tabs }, (_, at) => new Set(all(Math.min(at, voters))))
}

export function linksOf(wants: Wants): Set<number>[] {
  const links = wants.map(peers => new Set(peers))
  for (const [at, peers] of wants.entries()) for (const peer of peers) links[peer]?.add(at)
  return links
}

/** What each says of itself when all are linked. */
export function recordsOf(wants: Wants, memberOf: (at: number) => number): PeerRecord[] {
  return linksOf(wants).map((peers, at) => ({
    peer: nameOf(at),
    sequence: 1,
    viewer: false,
    members: [memberOf(at)],
    neighbours: [...peers].map(peer => ({ peer: nameOf(peer), wanted: wants[at]?.has(peer) === true })),
  }))
}

function replan(self: number, voters: number, wants: Set<number>[]): void {
  const known = wants.length
  const others = Array.from({ length: known }, (_, at) => at).filter(at => at !== self)
  if (known <= fullMeshPeersMax) {
    wants[self] = new Set(others)
    return
  }
  const links = linksOf(wants)
  const depths = depthsWithout(self, Math.min(voters, known), links)
  const dependants = new Array<number>(known).fill(0)
  for (const [at, peers] of wants.entries()) {
    if (at >= voters && at !== self) for (const peer of peers) dependants[peer] = (dependants[peer] ?? 0) + 1
  }
  const views = others.map(
    (at): PeerView => ({
      peer: nameOf(at),
      votes: at < voters,
      viewer: false,
      linked: links[self]?.has(at) === true,
      wantsUs: wants[at]?.has(self) === true,
      dependants: dependants[at] ?? 0,
      depth: depths.get(at) ?? Infinity,
    }),
  )
  const before = new Set([...(wants[self] ?? [])].map(nameOf))
  const { wanted, surplus } = planLinks({ peer: nameOf(self), votes: self < voters }, views, before)
  wants[self] = new Set(wanted === 'all' ? others : wanted.map(numberOf))
  for (const peer of surplus) wants[numberOf(peer)]?.delete(self)
}

function depthsWithout(self: number, voters: number, links: readonly ReadonlySet<number>[]): Map<number, number> {
  const depths = new Map<number, number>()
  for (let at = 0; at < voters; at += 1) if (at !== self) depths.set(at, 0)
  for (const [at, depth] of depths) {
    for (const peer of links[at] ?? []) if (peer !== self && !depths.has(peer)) depths.set(peer, depth + 1)
  }
  return depths
}

function numberOf(name: string): number {
  return Number(name.slice('tab-'.length))
}
