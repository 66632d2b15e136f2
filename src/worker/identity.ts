import type { MemberId } from '../raft/types.ts'
import { roleOf, type TabRole, viewerIdFactor } from '../replica/types.ts'

/**
 * A member's voice: whoever holds the Web Lock of its name, and nobody else, may speak for it. The lock is taken in the worker
 * and lives as long as the worker does; it is never stolen, since a frozen page keeps its locks and may wake.
 */
export interface Identity {
  readonly member: MemberId
  readonly release: () => void
}

/** How long the lock of a page that announced its end is waited for. It falls free when the old worker is gone. */
const releasedLockWaitMs = 2_000

/** Takes the lock if it is free now. */
export function claim(clusterId: string, member: MemberId): Promise<Identity | null> {
  return requestLock(clusterId, member, { ifAvailable: true })
}

/** Waits a while for a lock whose holder is known to be going away. */
export function claimReleased(clusterId: string, member: MemberId): Promise<Identity | null> {
  return awaitLock(clusterId, member, AbortSignal.timeout(releasedLockWaitMs))
}

/** Queues for a lock until it is handed over; null if `signal` is aborted before. */
export async function awaitLock(clusterId: string, member: MemberId, signal: AbortSignal): Promise<Identity | null> {
  try {
    return await requestLock(clusterId, member, { signal })
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
}

/** Holds a lock for as long as this worker lives. Resolves when it is held. */
export function holdForLife(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const held = () => {
      resolve()
      return new Promise<never>(() => {})
    }
    navigator.locks.request(name, held).catch(reject)
  })
}

/**
 * A random safe integer, not 0. Two members that drew the same number would be one voice too many; 53 bits see to that, and to what a
 * viewer's has left, 33, no vote is tied.
 */
export function newMemberId(role: TabRole): MemberId {
  const words = crypto.getRandomValues(new Uint32Array(2))
  const [high = 0, low = 0] = words
  const drawn = (high & 0x1f_ffff) * 2 ** 32 + low
  const id = role === 'viewer' ? drawn - (drawn % viewerIdFactor) : drawn
  return id !== 0 && roleOf(id) === role ? id : newMemberId(role)
}

function requestLock(clusterId: string, member: MemberId, options: LockOptions): Promise<Identity | null> {
  return new Promise((resolve, reject) => {
    const held = (lock: Lock | null) => {
      if (lock === null) {
        resolve(null)
        return
      }
      return new Promise<void>(release => resolve({ member, release }))
    }
    navigator.locks.request(lockName(clusterId, member), options, held).catch(reject)
  })
}

function lockName(clusterId: string, member: MemberId): string {
  return `flotilla/${clusterId}/${member}`
}
