import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { EmptyBTree } from 'sorted-btree'
import { defaultReplicaOptions } from '../src/replica/options.ts'
import { Store } from '../src/store/store.ts'
import type { WatchRequest } from '../src/store/types.ts'
import { Pauses } from './pauses.ts'
import type { Row } from './report.ts'
import { bestOf, type Figure, type Unit, worstOf } from './stats.ts'
import { endOf, Load, putOf, scatteredKey, scatteredText, textOf, writtenValue } from './store-load.ts'

/** What one part of the suite measures, in a process of its own: `node store-measures.ts PART KEYS REVISIONS`. */
const [part, keys, revisions] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]

const rounds = 3
const { snapshotStepChanges, scrubStepChanges } = defaultReplicaOptions

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function row(load: string, flotilla: Figure, floor: Figure | null): Row {
  return { load, flotilla, floor, etcd: null }
}

function once(unit: Unit, value: number): Figure {
  return bestOf(unit, [value])
}

/** Microseconds for each of `times` calls; the best of the rounds. */
function each(times: number, call: (turn: number) => void): Figure {
  const took = Array.from({ length: rounds }, (_, round) => {
    const began = performance.now()
    for (let i = 0; i < times; i++) call(round * times + i)
    return ((performance.now() - began) * 1000) / times
  })
  return bestOf('µs', took)
}

function ms(call: () => unknown): number {
  const began = performance.now()
  call()
  return performance.now() - began
}

function bytesHeld(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function operations(): Row[] {
  const load = new Load(keys)
  const tree = EmptyBTree.clone()
  const map = new Map<string, Uint8Array>()
  for (let turn = 0; turn < keys; turn++) {
    load.put(turn)
    const text = scatteredText(turn, keys)
    map.set(text, writtenValue(turn).slice())
    tree.set(text, turn)
  }
  const gets = 100_000
  const pair = (turn: number) => [2 * turn, 2 * turn + 1].map(i => putOf(scatteredKey(i, keys), writtenValue(i)))
  return [
    row(
      'get of one key',
      each(gets, turn => load.get(turn)),
      each(gets, turn => map.get(scatteredText(turn, keys))),
    ),
    row(
      'prefix range of 100',
      each(gets / 20, turn => load.getHundred(turn)),
      each(gets / 20, turn => {
        const first = scatteredText(turn, keys)
        const found: unknown[] = []
        tree.forRange(`${first.slice(0, -2)}00`, `${first.slice(0, -2)}99`, true, (key: string) => {
          found.push({ key, value: map.get(key) })
        })
      }),
    ),
    row(
      'put',
      each(gets, turn => load.put(turn)),
      each(gets, turn => map.set(scatteredText(turn, keys), writtenValue(turn).slice())),
    ),
    row(
      'transaction: one guard, two puts',
      each(gets / 2, turn => {
        const [key, end] = [scatteredKey(turn, keys), null]
        const compare = [{ key, end, target: 'version', result: '>', operand: 0 } as const]
        load.apply({ op: 'txn', compare, success: pair(turn), failure: [] })
      }),
      null,
    ),
  ]
}

function watching(): Row[] {
  const rows: Row[] = []
  for (const watchers of [1, 100, 10_000]) {
    const load = new Load(1_000)
    for (let id = 0; id < watchers; id++) load.store.watch(id, watchOf('key/'))
    const lists: unknown[][] = Array.from({ length: watchers }, () => [])
    const times = Math.max(20, 100_000 / watchers)
    rows.push(
      row(
        `put, and its event to ${watchers.toLocaleString('en')} watchers of one prefix`,
        each(times, turn => deliver(load, turn, watchers)),
        each(times, turn => {
          const event = { turn }
          for (const list of lists) list[0] = { events: [event] }
        }),
      ),
    )
  }
  const alone = new Load(1_000)
  const among = new Load(1_000)
  for (let id = 0; id < 10_000; id++) among.store.watch(id, watchOf(`other/${id}/`))
  const name = 'put beside 10,000 watchers of other prefixes; floor: beside none'
  const times = 50_000
  rows.push(
    row(
      name,
      each(times, turn => deliver(among, turn, 0)),
      each(times, turn => deliver(alone, turn, 0)),
    ),
  )
  return rows
}

/** A put, and what it gives to watchers, who take it. */
function deliver(load: Load, turn: number, watchers: number): void {
  load.put(turn)
  const deliveries = load.store.drainWatches()
  if (deliveries.length !== watchers) throw new Error(`${deliveries.length} watchers were given something`)
  for (const { id } of deliveries) load.store.credit(id, 1)
}

function watchOf(prefix: string): WatchRequest {
  const key = new TextEncoder().encode(prefix)
  return { key, end: endOf(key), startRevision: 0, prevKv: false, filters: [] }
}

/** One store through all of it: filled, written over, compacted, scrubbed, saved and restored. */
function history(): Row[] {
  const plain = plainBytes()
  const before = bytesHeld()
  const load = new Load(keys)
  const { store } = load
  const filling = new Pauses()
  for (let turn = 0; turn < keys; turn++) filling.time(() => load.put(turn))
  const filled = bytesHeld()
  const writing = new Pauses()
  for (let turn = keys; turn < revisions; turn++) writing.time(() => load.put(turn))
  const written = bytesHeld()
  const perRevision = (written - filled) / (revisions - keys)
  const compacting = new Pauses()
  compacting.time(() => load.apply({ op: 'compact', revision: store.revision }))
  const scrubbing = new Pauses()
  while (scrubbing.time(() => store.scrub(scrubStepChanges)));
  const scrubbed = bytesHeld()
  const saving = new Pauses()
  const began = performance.now()
  const snapshot = save(saving, store)
  const saved = performance.now() - began
  const longest = ({ longestMs }: Pauses) => worstOf('ms', [longestMs])
  const one = keys.toLocaleString('en')
  return [
    row('bytes per revision', once('bytes/entry', perRevision), once('bytes/entry', plain.perValue)),
    row('bytes per key', once('bytes/entry', (scrubbed - before) / keys), once('bytes/entry', plain.perKey)),
    row(`longest call: ${one} puts of new keys`, longest(filling), null),
    row(`longest call: ${(revisions - keys).toLocaleString('en')} puts over them`, longest(writing), null),
    row('longest call: compaction of all', longest(compacting), null),
    row(
      `longest call: scrubbing, ${scrubStepChanges.toLocaleString('en')} changes at a time`,
      longest(scrubbing),
      null,
    ),
    row(`longest call: saving, ${snapshotStepChanges.toLocaleString('en')} changes at a time`, longest(saving), null),
    row(
      `snapshot of ${one} keys`,
      once('ms', saved),
      once(
        'ms',
        ms(() => snapshot.slice()),
      ),
    ),
    row(
      `restore of ${one} keys`,
      once(
        'ms',
        ms(() => Store.restore(snapshot)),
      ),
      once('ms', ms(fillTree)),
    ),
  ]
}

function save(pauses: Pauses, store: Store): Uint8Array {
  const writer = pauses.time(() => store.beginSnapshot())
  for (;;) {
    const snapshot = pauses.time(() => writer.step(snapshotStepChanges))
    if (snapshot !== null) return snapshot
  }
}

/** What keys with a value each take in a bare map, and each value more in a bare list. */
function plainBytes(): { perKey: number; perValue: number } {
  const before = bytesHeld()
  const map = new Map<string, Uint8Array>()
  for (let turn = 0; turn < keys; turn++) map.set(scatteredText(turn, keys), writtenValue(turn).slice())
  const filled = bytesHeld()
  const list: Uint8Array[] = []
  for (let turn = 0; turn < keys; turn++) list.push(writtenValue(turn).slice())
  const perValue = (bytesHeld() - filled) / list.length
  return { perKey: (filled - before) / map.size, perValue }
}

/** The floor of a restore: the bare keys, in order, into the ordered map that the store uses too. */
function fillTree(): void {
  const tree = EmptyBTree.clone()
  for (let number = 0; number < keys; number++) tree.set(textOf(number), number)
}

const measures: Readonly<Record<string, () => Row[]>> = { operations, watching, history }
const measure = measures[part ?? '']
if (measure === undefined || process.send === undefined) throw new Error('started by hand')
process.send(measure())
