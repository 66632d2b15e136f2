import { randomInt } from 'node:crypto'
import type { ConfState, MemberId } from '../src/raft/types.ts'
import { foundingWrite } from '../src/replica/founding.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../src/replica/options.ts'
import type { PeerMessage, WalWrite } from '../src/replica/types.ts'
import { Member } from './member.ts'

const membersCount = 3
const tickMs = 50
/** A gap in the clock longer than this is a freeze: the ticks it held are not replayed one by one. */
const freezeMs = 2_000
/** As etcd, which forgets no revision unless it is told to. */
const replicaOptions: ReplicaOptions = { ...defaultReplicaOptions, autoCompaction: { kind: 'off' } }
/** Ids are drawn from below this: the largest bound that the generator takes. */
const idMax = 2 ** 48 - 1

/** Never 0, which everywhere means "none". */
export function randomId(): number {
  return randomInt(1, idMax)
}

/** Three voters in one process, from their founding on. What one sends the others get in their next turn, in order. */
export class Cluster {
  readonly id = randomId()
  readonly members: readonly Member[]
  readonly #byId: ReadonlyMap<MemberId, Member>
  readonly #stopClock: () => void
  readonly #listeners = new Set<() => void>()

  constructor() {
    const voters = Array.from({ length: membersCount }, randomId)
    const around = {
      send: (from: MemberId, to: MemberId, message: PeerMessage) =>
        this.#byId.get(to)?.push({ kind: 'message', viewer: false, from, message }),
      statusChanged: () => {
        for (const listener of [...this.#listeners]) listener()
      },
    }
    this.members = voters.map(id => new Member(id, foundingOf(voters), replicaOptions, around))
    this.#byId = new Map(this.members.map(member => [member.id, member]))
    for (const member of this.members) {
      for (const other of voters) if (other !== member.id) member.push({ kind: 'peerUp', member: other, viewer: false })
    }
    this.#stopClock = startClock(this.members)
  }

  /** Looks at the condition now, and whenever a member's status has changed: whether it came true in time. */
  until(condition: () => boolean, msMax: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise(resolve => {
      const end = (result: boolean) => {
        clearTimeout(timer)
        this.#listeners.delete(listener)
        resolve(result)
      }
      const listener = () => {
        if (condition()) end(true)
      }
      const timer = setTimeout(() => end(false), msMax)
      this.#listeners.add(listener)
    })
  }

  async stop(): Promise<void> {
    this.#stopClock()
    await Promise.all(this.members.map(member => member.stop()))
  }
}

/** As a cluster's founder writes it, with all members as voters from the beginning. */
function foundingOf(voters: readonly MemberId[]): WalWrite {
  const [founder] = voters
  if (founder === undefined) throw new Error('a cluster without members')
  const write = foundingWrite(founder)
  const { install } = write
  if (install === null) throw new Error('assertion failed: a founding write without a state')
  const confState: ConfState = { ...install.metadata.confState, voters }
  return { ...write, install: { ...install, metadata: { ...install.metadata, confState } } }
}

/** One tick for each that has passed, or one word that the process was stopped for long. Returns what ends it. */
function startClock(members: readonly Member[]): () => void {
  let last = performance.now()
  const timer = setInterval(() => {
    const elapsed = performance.now() - last
    if (elapsed > freezeMs) {
      last += elapsed
      for (const member of members) member.push({ kind: 'resume' })
      return
    }
    // What is left over counts towards the next tick, so that the clock does not drift.
    for (; performance.now() - last >= tickMs; last += tickMs) {
      for (const member of members) member.push({ kind: 'tick' })
    }
  }, tickMs / 2)
  return () => clearInterval(timer)
}
