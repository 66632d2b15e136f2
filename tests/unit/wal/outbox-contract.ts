import type { OutboxStore } from '../../../src/wal/outbox.ts'
import type { OutboxEntry } from '../../../src/worker/protocol.ts'

/**
 * What every outbox store promises, whatever it is kept in. Runs in Node over memory and in a browser over IndexedDB, so it
 * needs no test runner: a case fails by throwing.
 */

/** A place for ONE outbox, empty when a case begins. `reopen` is what another life of the same member finds. */
export interface OutboxPlace {
  open(): Promise<OutboxStore>
  reopen(): Promise<OutboxStore>
}

export interface OutboxCase {
  readonly name: string
  readonly run: (place: OutboxPlace) => Promise<void>
}

const clientId = 'c0ffee00'.repeat(4)

export function outboxEntry(seq: number, client: string = clientId): OutboxEntry {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const request = {
    op: 'put',
    key: bytes(`key/${seq}`),
    value: bytes(`value ${seq}`),
    lease: 0,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  } as const
  return { at: 1_700_000_000_000 + seq, command: { clientId: client, seq, acked: 0, request } }
}

export const outboxCases: readonly OutboxCase[] = [
  {
    name: 'what is added is found again, in order',
    async run(place) {
      const store = await place.open()
      equal(store.recovered, [])
      await store.change({ added: [1, 2].map(seq => outboxEntry(seq)), removed: [] })
      await store.change({ added: [outboxEntry(3)], removed: [] })
      await finds(place, [1, 2, 3])
    },
  },
  {
    name: 'what is removed is gone, whether all of what it came with or a part',
    async run(place) {
      const store = await place.open()
      const entries = [1, 2, 3, 4, 5].map(seq => outboxEntry(seq))
      const [one, two, three, four, five] = entries
      if (!one || !two || !three || !four || !five) throw new Error('five were made')
      await store.change({ added: [one, two, three], removed: [] })
      await store.change({ added: [four, five], removed: [] })
      await store.change({ added: [], removed: [two, four, five] })
      await finds(place, [1, 3])
    },
  },
  {
    name: 'what was found can be removed, and more added behind it',
    async run(place) {
      const store = await place.open()
      await store.change({ added: [1, 2, 3].map(seq => outboxEntry(seq)), removed: [] })
      const again = await place.reopen()
      await again.change({ added: [outboxEntry(4)], removed: again.recovered.slice(0, 2) })
      await finds(place, [3, 4])
      const third = await place.reopen()
      await third.change({ added: [], removed: third.recovered })
      await finds(place, [])
    },
  },
  {
    name: 'changes made at once happen in their order',
    async run(place) {
      const store = await place.open()
      const entries = Array.from({ length: 20 }, (_, i) => outboxEntry(i + 1))
      const added = entries.map(entry => store.change({ added: [entry], removed: [] }))
      const removed = store.change({ added: [], removed: entries.slice(0, 10) })
      await Promise.all([...added, removed])
      await finds(
        place,
        entries.slice(10).map(({ command }) => command.seq),
      )
    },
  },
  {
    name: 'a command comes back whole',
    async run(place) {
      const store = await place.open()
      const inner = outboxEntry(1).command.request
      if (inner.op !== 'put') throw new Error('a put was made')
      const compare = { key: inner.key, end: null, result: '=', target: 'mod', operand: 7 } as const
      const request = { op: 'txn', compare: [compare], success: [inner], failure: [] } as const
      const entry: OutboxEntry = { at: 5, command: { clientId, seq: 9, acked: 4, request } }
      await store.change({ added: [entry], removed: [] })
      equal((await place.reopen()).recovered, [entry])
    },
  },
]

async function finds(place: OutboxPlace, seqs: readonly number[]): Promise<void> {
  const { recovered } = await place.reopen()
  equal(
    recovered,
    seqs.map(seq => outboxEntry(seq)),
  )
}

function equal(found: unknown, expected: unknown): void {
  const [left, right] = [found, expected].map(value => JSON.stringify(value))
  if (left !== right) throw new Error(`found ${left}, expected ${right}`)
}
