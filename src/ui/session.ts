import { derived, type Readable, writable } from 'svelte/store'
import type { Database, DatabaseEvent, DatabaseStatus } from '../client/flotilla.ts'
import { clientBoard } from './board/client-board.ts'
import { seed } from './board/seed.ts'
import { type ClusterView, viewCluster } from './cluster/view.ts'
import { type BoardData, boardData } from './data/board-data.ts'
import { Desk } from './desk.ts'
import { type InspectorSource, inspectorSource } from './inspector/source.ts'
import { damageNotice } from './notices.ts'
import { type Problem, problemOf } from './problems.ts'
import type { Start } from './startup.ts'

/** Where this page stands with its board. */
export type Session =
  | { readonly kind: 'starting'; readonly how: Start['how'] }
  /** The member runs; it may still be joining. */
  | {
      readonly kind: 'open'
      readonly invite: string
      readonly viewerInvite: string
      readonly desk: Desk
      readonly status: Readable<DatabaseStatus>
      /** What that looks like. */
      readonly cluster: Readable<ClusterView>
      readonly inspector: InspectorSource
      readonly data: BoardData
      /** A new board is getting its first lists: it is not empty, only not there yet. */
      readonly seeding: boolean
    }
  | { readonly kind: 'failed'; readonly problem: Problem }

export type OpenDatabase = (start: Start) => Promise<Database>

/** Starts what `start` says. `onOpen` gets the database as soon as it is there. */
export function beginSession(start: Start, open: OpenDatabase, onOpen: (db: Database) => void): Readable<Session> {
  const session = writable<Session>({ kind: 'starting', how: start.how })
  open(start).then(
    db => {
      const board = clientBoard(db)
      const desk = new Desk(board)
      tellDamage(db, desk)
      const cluster = derived(db.statusStore, viewCluster)
      const inspector = inspectorSource(db, cluster)
      const opened = {
        kind: 'open',
        invite: db.invite,
        viewerInvite: db.viewerInvite,
        desk,
        status: db.statusStore,
        cluster,
        inspector,
        data: boardData(db),
      } as const
      const seeding = start.how === 'found'
      onOpen(db)
      session.set({ ...opened, seeding })
      if (!seeding) return
      // A founder leads at once, so this waits for nobody. Should it fail, the board is there all the same, empty.
      seed(board)
        .catch(error => console.warn('The board was not seeded.', error))
        .finally(() => session.set({ ...opened, seeding: false }))
    },
    error => session.set({ kind: 'failed', problem: problemOf(error) }),
  )
  return session
}

function tellDamage(db: Database, desk: Desk): void {
  const told = new Set<DatabaseEvent>()
  db.events.subscribe(events => {
    for (const event of events) {
      if (event.kind !== 'damaged' || told.has(event)) continue
      told.add(event)
      desk.tell(damageNotice(event))
    }
  })
}
