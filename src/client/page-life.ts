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
function freeze({ connection, door, status }: PageLifeOptions): void {
  const opened = shut(door())
  const { leave, holdMs } = farewell(status(), opened !== null, connection.counts.writes > 0)
  if (!leave) return
  connection.tell('freeze')
  holdDoor(opened, freezeHoldMs(opened !== null, holdMs))
}

/** It may stand open since an earlier freeze. */
function shut(door: Int32Array | null): Int32Array | null {
  if (door !== null) Atomics.store(door, 0, 0)
  return door
}
