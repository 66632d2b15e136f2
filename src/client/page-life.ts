import type { HostStatus } from '../worker/protocol.ts'
import type { Connection } from './connection.ts'
import { farewell, freezeHoldMs, holdDoor } from './door.ts'

/** What a page's comings and goings concern. */
export interface PageLifeOptions {
  readonly connection: Connection
  /** Of the worker that runs; null if there is none, or no memory to share with it. */
  readonly door: () => Int32Array | null
  /** The worker's latest, as far as the page was told. */
  readonly status: () => HostStatus
  /** This tab's member is about to be nobody's, so that whoever opens it next may wait for its lock. */
  readonly release: () => void
  /** Tells the peers that this page is gone. */
  readonly bye: () => void
  /** Stops listening. */
  readonly signal: AbortSignal
}

/** Tells the worker what happens to its page, which is the only one to hear of it. */
export function watchPageLife(options: PageLifeOptions): void {
  const { signal } = options
  // A page that goes into the back/forward cache is frozen, too, after it has said its farewell.
  let left = false
  const onHide = () => {
    left = true
    leave(options)
  }
  const onFreeze = () => {
    if (!left) freeze(options)
  }
  const onResume = () => {
    if (!left) options.connection.tell('wake')
  }
  addEventListener('pagehide', onHide, { signal })
  if (endsWorkerBeforePageHide()) addEventListener('beforeunload', () => prepare(options), { signal })
  // Chromium alone has these two, https://wicg.github.io/page-lifecycle/. What is frozen without a word wakes with a jump of its clock.
  document.addEventListener('freeze', onFreeze, { signal })
  document.addEventListener('resume', onResume, { signal })
  addEventListener(
    'pageshow',
    ({ persisted }) => {
      // Back from the back/forward cache: this member has said its farewell and the cluster has gone on. What a reload does,
      // resume it under the same name, is what is needed; patching up a page that left would be a second way to do it.
      if (persisted) location.reload()
    },
    { signal },
  )
}

function leave({ connection, door, status, release, bye }: PageLifeOptions): void {
  release()
  const opened = shut(door())
  const { writes, leases } = connection.counts
  const { leave, holdMs } = farewell(status(), opened !== null, writes + leases > 0)
  if (leave) connection.tell('leave')
  holdDoor(opened, holdMs)
  bye()
}

/** The worker is frozen when this is through. A page that is frozen may be discarded, of which nothing tells it. */
function freeze(options: PageLifeOptions): void {
  handOver(options, freezeHoldMs)
}

/**
 * The page may be about to go, or a person may be asked first, or nothing comes of it but a download. What is handed over is given
 * back if the page is still there after a while; one that goes later than that has `pagehide`, as only closing has not.
 */
function prepare(options: PageLifeOptions): void {
  const { connection, signal } = options
  if (!handOver(options, (_, holdMs) => holdMs)) return
  const stays = setTimeout(() => connection.tell('wake'), unloadMsMax)
  addEventListener('pagehide', () => clearTimeout(stays), { once: true, signal })
}

/** How long after `beforeunload` a page that is being closed may still be there. */
const unloadMsMax = 1_000

/** Leadership and vote, but without a goodbye. False if nobody depends on this member. */
function handOver(
  { connection, door, status }: PageLifeOptions,
  boundOf: (sharedMemory: boolean, leavingHoldMs: number) => number,
): boolean {
  const opened = shut(door())
  const { leave, holdMs } = farewell(status(), opened !== null, connection.counts.writes > 0)
  if (!leave) return false
  connection.tell('freeze')
  holdDoor(opened, boundOf(opened !== null, holdMs))
  return true
}

/** It may stand open since an earlier freeze. */
function shut(door: Int32Array | null): Int32Array | null {
  if (door !== null) Atomics.store(door, 0, 0)
  return door
}

/**
 * Gecko ends the worker of a tab that is closed without waiting for `pagehide`, as it does when a page is reloaded or navigated away;
 * only for `beforeunload` does it wait. No feature tells, so it is known by a property that only Gecko has.
 */
function endsWorkerBeforePageHide(): boolean {
  return 'mozInnerScreenX' in globalThis
}
