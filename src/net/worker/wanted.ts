import type { MemberId } from '../../raft/types.ts'
import type { Topology } from './topology.ts'

/** Up to so many tabs, this one counted, everyone is linked to everyone. */
export const fullMeshPeersMax = 8
/** Links that a peer without a vote wants: one towards the voters, and as many more as it can lose. */
export const learnerLinks = 3
/** Peers without a vote that may depend on one peer: what it sends to all leaves it about this often. */
export const fanOutMax = 8
/** Of those, places that are kept for peers whose first link it is, so that the tree stays flat. */
const firstLinksMin = 4
/** A peer that is not wanted and asks is given a link while there are fewer: whoever comes anew needs one to look around. */
export const linksMax = 24
/** A link is kept although another would be so many hops shorter. */
const shorterByMin = 2

export interface PeerView {
  readonly peer: string
  /** It hosts a member that votes. */
  readonly votes: boolean
  readonly viewer: boolean
  readonly linked: boolean
  /** It has said that it wants a link with us. */
  readonly wantsUs: boolean
  /** Peers without a vote that want a link with it, ourselves not counted. */
  readonly dependants: number
  /** Hops from it to the next voter, if not by way of us; Infinity if there is no such way. */
  readonly depth: number
}

export interface LinkPlan {
  readonly wanted: readonly string[] | 'all'
  /** Links that may be ended. */
  readonly surplus: readonly string[]
}

/**
 * Whom to be linked to. A small cluster is a full mesh. In a larger one the voters are, since they decide; the others hang below them in a
 * tree, each by a few links. Every tab decides for itself and by what all say of themselves, so the same view gives the same
 * plan, and what two tabs decide at the same time at most leaves a link too many, until one of them sees it.
 */
export function planLinks(
  self: { readonly peer: string; readonly votes: boolean },
  peers: readonly PeerView[],
  wantedBefore: ReadonlySet<string>,
): LinkPlan {
  if (peers.length < fullMeshPeersMax) return { wanted: 'all', surplus: [] }
  const wanted = self.votes
    ? peers.filter(({ votes }) => votes).map(({ peer }) => peer)
    : wantedByLearner(self.peer, peers, wantedBefore)
  // Out of touch with those who vote, it takes whom it can get.
  if (wanted.length === 0 && !self.votes) return { wanted: 'all', surplus: [] }
  return { wanted, surplus: surplusOf(self, peers, new Set(wanted)) }
}

function wantedByLearner(self: string, peers: readonly PeerView[], before: ReadonlySet<string>): string[] {
  const able = peers.filter(({ viewer, depth }) => !viewer && depth !== Infinity)
  const isOurs = ({ peer, linked }: PeerView) => linked && before.has(peer)
  const byRoom = [...able].sort(by(view => view.dependants, self))
  const [first = byRoom[0]] = able
    .filter(view => isOurs(view) || view.dependants < fanOutMax)
    .sort(by(view => view.depth - (isOurs(view) ? shorterByMin - 0.5 : 0), self))
  if (first === undefined) return []
  // The others are for the day when the first is lost: of those beside us rather than above us, where places are few.
  const spare = able
    .filter(view => view !== first && (isOurs(view) || view.dependants < fanOutMax - firstLinksMin))
    .sort(by(view => Math.abs(view.depth - first.depth - 1) - (isOurs(view) ? shorterByMin - 0.5 : 0), self))
  // With few peers the places kept for first links are all there are.
  const rest = byRoom.filter(view => view !== first && !spare.includes(view))
  return [first, ...spare, ...rest].slice(0, learnerLinks).map(({ peer }) => peer)
}

/** In doubt by chance, but always the same for the same two: so many that look for a place do not all choose one. */
function by(rank: (view: PeerView) => number, self: string) {
  return (a: PeerView, b: PeerView) => rank(a) - rank(b) || lot(self, a.peer) - lot(self, b.peer)
}

function surplusOf(
  self: { readonly peer: string; readonly votes: boolean },
  peers: readonly PeerView[],
  wanted: ReadonlySet<string>,
): string[] {
  const linked = peers.filter(view => view.linked && !wanted.has(view.peer))
  const dependants = linked.filter(view => view.wantsUs && !view.votes)
  const tooMany = dependants.sort((a, b) => lot(self.peer, a.peer) - lot(self.peer, b.peer)).slice(fanOutMax)
  // What nobody wants goes when all that is wanted is there: until then it may be the only way.
  const isSettled = peers.every(view => view.linked || !wanted.has(view.peer))
  const unwanted = isSettled ? linked.filter(({ wantsUs }) => !wantsUs) : []
  return [...tooMany, ...unwanted].map(({ peer }) => peer)
}

/** A number that both ends could work out, of no meaning (FNV-1a). */
function lot(self: string, peer: string): number {
  let hash = 0x811c9dc5
  for (const name of [self, peer]) {
    for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}

/** The others in reach, as `planLinks` wants to see them. */
export function viewPeers(topology: Topology, votes: (member: MemberId) => boolean): PeerView[] {
  const voting = new Set<string>()
  for (const [member, home] of topology.reach) if (votes(member)) voting.add(home)
  const dependants = new Map<string, number>()
  const wantsUs = new Set<string>()
  /** Links that one of their ends wants: the others are about to go, and nothing is to be built on them. */
  const lasting = new Map<string, Set<string>>()
  const lasts = (peer: string, other: string) => {
    const others = lasting.get(peer)
    if (others === undefined) lasting.set(peer, new Set([other]))
    else others.add(other)
  }
  for (const peer of topology.ways.keys()) {
    for (const [other, wanted] of topology.neighboursOf(peer)) {
      if (!wanted) continue
      lasts(peer, other)
      lasts(other, peer)
      if (other === topology.self) wantsUs.add(peer)
      else if (!voting.has(peer)) dependants.set(other, (dependants.get(other) ?? 0) + 1)
    }
  }
  const depths = depthsBelow(voting, lasting, topology)
  return [...topology.ways.keys()].map(peer => ({
    peer,
    votes: voting.has(peer),
    viewer: topology.isViewer(peer),
    linked: topology.isLinked(peer),
    wantsUs: wantsUs.has(peer),
    dependants: dependants.get(peer) ?? 0,
    depth: depths.get(peer) ?? Infinity,
  }))
}

function depthsBelow(
  voting: ReadonlySet<string>,
  lasting: ReadonlyMap<string, ReadonlySet<string>>,
  topology: Topology,
): ReadonlyMap<string, number> {
  const depths = new Map([...voting].map(peer => [peer, 0]))
  // A map's iteration takes in what is added on the way.
  for (const [peer, depth] of depths) {
    if (topology.isViewer(peer)) continue
    for (const other of lasting.get(peer) ?? []) {
      if (other !== topology.self && !depths.has(other)) depths.set(other, depth + 1)
    }
  }
  return depths
}
