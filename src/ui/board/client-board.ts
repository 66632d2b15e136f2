import {
  type Codec,
  type Compare,
  createRevision,
  type Database,
  del,
  get,
  json,
  modRevision,
  put,
} from '../../client/flotilla.ts'
import type { BoardStore, BoardTxn, Guard, Write } from './board-store.ts'

/** The board in a real database: everything lies under the prefix `board/`. */
export function clientBoard(db: Database): BoardStore {
  const board = db.namespace('board/', { codec: lenientJson })
  return {
    live: board.live({ prefix: '' }),
    async commit({ guards, writes, read }: BoardTxn) {
      const { succeeded, header, responses } = await board
        .txn()
        .if(...guards.map(compareOf))
        .then(...writes.map(operationOf))
        .else(...read.map(key => get(key)))
        .commit()
      return { succeeded, revision: header.revision, current: succeeded ? [] : responses }
    },
  }
}

/**
 * JSON, but a value that is not JSON reads as null: anyone with the invite and a console may put anything anywhere, and one
 * such key must not take the board from everyone.
 */
const lenientJson: Codec<unknown> = {
  encode: json<unknown>().encode,
  decode: bytes => {
    try {
      return json<unknown>().decode(bytes)
    } catch {
      return null
    }
  },
}

function compareOf(guard: Guard): Compare<unknown> {
  switch (guard.kind) {
    case 'exists':
      return createRevision(guard.key).gt(0)
    case 'missing':
      return createRevision(guard.key).eq(0)
    case 'unchanged':
      return modRevision(guard.key).eq(guard.modRevision)
    case 'quietSince':
      return modRevision({ prefix: guard.prefix }).lt(guard.revision + 1)
  }
}

function operationOf(write: Write) {
  return write.kind === 'put' ? put(write.key, write.value) : del(write.key)
}
