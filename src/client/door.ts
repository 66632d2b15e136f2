import type { HostStatus } from '../worker/protocol.ts'

/**
 * The browser ends a worker with its page, but not before `pagehide` is through. So a page whose member others depend on
 * keeps the handler busy, for as long as its worker, on its own thread and with its own channels, needs to hand over.
 */
export interface Farewell {
  /** Whether to tell the worker at all. */
  readonly leave: boolean
  /** How long to hold the door at most. */
  readonly holdMs: number
}

/** Nothing but the goodbye itself has to get away, or one write to this member's own disk to be done. */
const goodbyeHoldMs = 20
/**
 * With shared memory, by which the worker says when it is done: some tens of milliseconds on an idle machine, ten times that on one that
 * is busy closing a browser. What does not get away costs the others more: without the vote they may have no quorum, and without the
 * goodbye they go on for 3 s to send by way of this tab what will not arrive. Chromium and Firefox grant 400 ms and more (docs/tab-life.md).
 */
const sharedHoldMsMax = 400
/** Without: a leader hands over leadership and vote, which takes two rounds and a strict write on each side. */
const blindLeaderHoldMs = 60
/** A follower only its vote. */
const blindFollowerHoldMs = 20

/** `owing`: this page has leases that are to end with it, or writes not answered, which are to outlive it. */
export function farewell(status: HostStatus, sharedMemory: boolean, owing: boolean): Farewell {
  const { replica, adopted, links } = status
  const here = new Set([replica.member, ...adopted])
  const others = replica.members.some(({ member, connected }) => connected && !here.has(member))
  // A status is some 100 ms old, in which a link that was opening can have come up, and somebody have joined over it. The worker
  // knows, and opens the door at once if nobody has.
  if (!others && links.length === 0) return owing ? { leave: true, holdMs: goodbyeHoldMs } : { leave: false, holdMs: 0 }
  // Bridged channels need this very thread: holding it would hold up the farewell.
  const workerLinked = links.some(({ kind }) => kind !== 'bridged')
  if (!workerLinked) return { leave: true, holdMs: 0 }
  if (sharedMemory) return { leave: true, holdMs: sharedHoldMsMax }
  const votes = replica.members.some(({ member, state }) => state === 'voter' && here.has(member))
  if (!votes) return { leave: true, holdMs: goodbyeHoldMs }
  return { leave: true, holdMs: here.has(replica.leader) ? blindLeaderHoldMs : blindFollowerHoldMs }
}

/** Nobody looks at a page that is being frozen, so it can wait for longer than one that is being closed. */
const sharedFreezeHoldMsMax = 500

/** How long to hold the door of a page that is being frozen; without shared memory, as long as on leaving. */
export function freezeHoldMs(sharedMemory: boolean, leavingHoldMs: number): number {
  return sharedMemory && leavingHoldMs > 0 ? sharedFreezeHoldMsMax : leavingHoldMs
}

/** Blocks this thread until the worker opens the door, or `holdMs` are over. `Atomics.wait` is not allowed in a page. */
export function holdDoor(door: Int32Array | null, holdMs: number, now: () => number = () => performance.now()): void {
  const deadline = now() + holdMs
  while (now() < deadline) {
    if (door !== null && Atomics.load(door, 0) === 1) return
  }
}
