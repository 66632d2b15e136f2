import { expect, test } from 'vitest'
import type { ConfChangeSingle, MemberId } from '../../../src/raft/types.ts'
import { bytes, Network, seeded, text } from './network.ts'

const STEPS = 400
const SEEDS = 30
const FOUNDERS: readonly MemberId[] = [1, 2, 3, 4, 5]

/**
 * Whatever the network and the disks do, and whoever comes and goes, nothing that was committed is lost or contradicted, reads
 * are never stale, and once it is quiet again the cluster works. `Network` checks the first at every turn.
 */
function runChaos(seed: number): void {
  const random = seeded(seed)
  const pick = <T>(choices: readonly T[]): T => {
    const choice = choices[Math.floor(random() * choices.length)]
    if (choice === undefined) throw new Error('nothing to pick from')
    return choice
  }
  const config = {
    asyncStorageWrites: seed % 2 === 0,
    preVote: seed % 3 !== 0,
    checkQuorum: seed % 3 !== 1,
    // A removed leader that stayed would lead on, and take no proposals.
    stepDownOnRemoval: true,
    maxInflightMessages: 8,
    maxSizePerMessageBytes: 256,
  }
  const net = new Network({ voters: FOUNDERS, seed, config })
  const someone = () => pick([...net.peers.keys()])
  /** Commit index anywhere when the read was asked for: its answer must not be older. */
  const readFloor = new Map<string, number>()
  let proposals = 0
  let nextStranger = 6

  const tickAll = () => {
    for (const peer of net.peers.values()) if (peer.up) peer.node.tick()
  }
  const acts: readonly (() => void)[] = [
    () => net.node(someone()).tick(),
    tickAll,
    tickAll,
    () => net.node(someone()).propose(bytes(`${proposals++}`)),
    () => net.node(someone()).propose(bytes(`${proposals++}`), bytes(`${proposals++}`)),
    () => {
      const name = `read ${readFloor.size}`
      readFloor.set(name, Math.max(...[...net.peers.values()].map(({ node }) => node.commit)))
      net.node(someone()).readIndex(bytes(name))
    },
    () => {
      net.weather = { loss: random() * 0.2, duplication: random() * 0.2, delay: random() * 0.4 }
    },
    () => random() < 0.3 && net.isolate(someone()),
    () => random() < 0.5 && net.heal(),
    () => random() < 0.3 && net.crash(someone()),
    () => {
      const down = [...net.peers.values()].filter(peer => !peer.up)
      if (down.length > 0) pick(down).restart()
    },
    () => {
      const peer = net.peer(someone())
      peer.diskHeld = random() < 0.3
      peer.applyHeld = random() < 0.3
    },
    () => random() < 0.2 && net.node(someone()).campaign(),
    () => random() < 0.2 && net.node(someone()).transferLeader(someone()),
    () => {
      const { storage, appliedIndex } = net.peer(someone())
      if (appliedIndex > storage.firstIndex() + 5) storage.compact(appliedIndex - 3)
    },
    () => random() < 0.3 && changeMembership(),
    () => net.leader !== 0 && net.node(net.leader).reportSnapshot(someone(), 'failure'),
  ]

  const changeMembership = () => {
    const type = pick(['addVoter', 'addLearner', 'removeMember'] as const)
    const changes: ConfChangeSingle[] = [{ type, member: someone() }]
    if (random() < 0.3 && nextStranger < 8) {
      net.addStranger(nextStranger)
      changes.push({ type: 'addVoter', member: nextStranger++ })
    }
    // Nobody who was removed comes back: a member's id is used once.
    const removed = (member: MemberId) => FOUNDERS.includes(member) && !isMember(member)
    const transition = pick(['auto', 'jointImplicit'] as const)
    if (net.leader !== 0 && !changes.some(({ member }) => removed(member))) {
      net.node(net.leader).proposeConfChange({ transition, changes, context: new Uint8Array(0) })
    }
  }
  const isMember = (member: MemberId) => {
    const { voters, learners, votersOutgoing } = net.node(net.leader).status().config
    return [...voters, ...learners, ...votersOutgoing].includes(member)
  }

  for (let step = 0; step < STEPS; step++) {
    pick(acts)()
    const rounds = Math.floor(random() * 3)
    for (let round = 0; round < rounds; round++) net.step()
  }

  net.heal()
  for (const peer of net.peers.values()) {
    if (!peer.up) peer.restart()
    peer.diskHeld = false
    peer.applyHeld = false
  }
  net.settle()
  net.tickUntil(() => {
    if (net.leader === 0) return false
    const { leader } = net
    // A snapshot that was lost is reported as such by whoever was to carry it.
    for (const id of net.peers.keys()) net.node(leader).reportSnapshot(id, 'failure')
    if (!net.peer(leader).applied.includes('the end')) net.propose(leader, 'the end')
    const { voters, learners } = net.node(leader).status().config
    const applied = [leader, ...voters, ...learners].map(member => net.peer(member).applied.join())
    return new Set(applied).size === 1 && net.peer(leader).applied.includes('the end')
  }, 400)
  for (const peer of net.peers.values()) {
    for (const { index, requestContext } of peer.reads) {
      const name = text(requestContext)
      expect(index, `${name} is not stale`).toBeGreaterThanOrEqual(readFloor.get(name) ?? Number.NaN)
    }
  }
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('safe in chaos, working after it: seed %i', runChaos)
