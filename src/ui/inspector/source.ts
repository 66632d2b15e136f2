import { type Readable, readonly, writable } from 'svelte/store'
import type { Database, DatabaseEvent, DatabaseStatus, PendingWrite } from '../../client/flotilla.ts'
import type { ClusterView } from '../cluster/view.ts'
import { emptyHistory, type History, record, slept } from './history.ts'

/** What the inspector shows, and what it can do. A `Database` has all of it but the past. */
export interface InspectorSource {
  readonly status: Readable<DatabaseStatus>
  readonly events: Readable<readonly DatabaseEvent[]>
  /** Every write of this tab that is not answered, the board's and others. */
  readonly pending: Readable<readonly PendingWrite[]>
  readonly history: Readable<History>
  metrics(): Promise<string>
  storage(): Promise<StorageFigures>
  readonly faults: Pick<Database['faults'], 'stepDown' | 'disconnect' | 'connect' | 'freeze' | 'killWorker'>
}

/** Bytes of this origin, all its clusters included. */
export type StorageFigures = Awaited<ReturnType<Database['storage']>>

/** Begins to remember at once, so that whoever opens the inspector sees what led up to it. */
export function inspectorSource(db: Database, cluster: Readable<ClusterView>): InspectorSource {
  return {
    status: db.statusStore,
    events: db.events,
    pending: db.pending,
    history: keepHistory(cluster, db.events),
    metrics: () => db.metrics(),
    storage: () => db.storage(),
    faults: db.faults,
  }
}

/** For as long as the page lives. */
export function keepHistory(
  cluster: Readable<ClusterView>,
  events: Readable<readonly DatabaseEvent[]>,
  now: () => number = Date.now,
): Readable<History> {
  const history = writable<History>(emptyHistory(now()))
  cluster.subscribe(view => history.update(past => record(past, view, now())))
  let seen: DatabaseEvent | undefined
  events.subscribe(all => {
    const news = seen === undefined ? all : all.slice(all.lastIndexOf(seen) + 1)
    seen = all.at(-1)
    for (const event of news) if (event.kind === 'woke') history.update(past => slept(past, event))
  })
  return readonly(history)
}
