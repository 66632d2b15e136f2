import { type Readable, writable } from 'svelte/store'
import type { Database, DatabaseStatus } from '../client/flotilla.ts'
import { clientBoard } from './board/client-board.ts'
import { seed } from './board/seed.ts'
import { Desk } from './desk.ts'
import { type Problem, problemOf } from './problems.ts'
import type { Start } from './startup.ts'

/** Where this page stands with its board. */
export type Session =
  | { readonly kind: 'starting'; readonly how: Start['how'] }
  /** The member runs; it may still be joining. */
  | { readonly kind: 'open'; readonly invite: string; readonly desk: Desk; readonly status: Readable<DatabaseStatus> }
  | { readonly kind: 'failed'; readonly problem: Problem }

export type OpenDatabase = (start: Start) => Promise<Database>

/** Starts what `start` says. `onOpen` gets the database as soon as it is there. */
export function beginSession(start: Start, open: OpenDatabase, onOpen: (db: Database) => void): Readable<Session> {
  const session = writable<Session>({ kind: 'starting', how: start.how })
  open(start).then(
    db => {
      const board = clientBoard(db)
      onOpen(db)
      session.set({ kind: 'open', invite: db.invite, desk: new Desk(board), status: db.statusStore })
      // A founder leads at once, so this does not wait for anybody. Should it fail, the board is there all the same, empty.
      if (start.how === 'found') seed(board).catch(error => console.warn('The board was not seeded.', error))
    },
    error => session.set({ kind: 'failed', problem: problemOf(error) }),
  )
  return session
}
