import {
  type Codec,
  type Compare,
  createRevision,
  type Database,
  del,
  FlotillaError,
  get,
  json,
  modRevision,
  type PendingWrite,
  put,
  type Readable,
  type SettledWrite,
} from '../../client/flotilla.ts'
import type { BoardStore, BoardTxn, Guard, Settled, Unanswered, Write } from './board-store.ts'
import { readTxn } from './written.ts'

/** The board in a real database: everything lies under this prefix. */
const prefix = 'board/'

export function clientBoard(db: Database): BoardStore {
  const board = db.namespace(prefix, { codec: lenientJson })
  return {
    readOnly: db.role === 'viewer',
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
    async past(key, revision) {
      try {
        return await board.get(key, { revision, serializable: true })
      } catch (error) {
        if (error instanceof FlotillaError && error.code === 'COMPACTED') return null
        throw error
      }
    },
    unanswered: mapped(db.pending, pending => pending.flatMap(unansweredOf)),
    onSettled(run) {
      const heard = new WeakSet<SettledWrite>()
      return db.settled.subscribe(all => {
        for (const settled of all) {
          if (heard.has(settled)) continue
          heard.add(settled)
          const ours = settledOf(settled)
          if (ours !== null) run(ours)
        }
      })
    },
  }
}

function unansweredOf({ request, durable, fromEarlierLife }: PendingWrite): Unanswered[] {
  const txn = readTxn(request, prefix, lenientJson.decode)
  return txn === null ? [] : [{ writes: txn.writes, kept: durable, earlier: fromEarlierLife }]
}

function settledOf({ request, at, result }: SettledWrite): Settled | null {
  const txn = readTxn(request, prefix, lenientJson.decode)
  if (txn === null) return null
  if (!result.ok) return { ...txn, at, result: { kind: 'failed', error: result.error } }
  const { revision, response } = result
  const refused = response.op === 'txn' && !response.succeeded
  return { ...txn, at, result: refused ? { kind: 'refused' } : { kind: 'committed', revision } }
}

function mapped<T, U>(from: Readable<T>, map: (value: T) => U): Readable<U> {
  return { subscribe: run => from.subscribe(value => run(map(value))) }
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
