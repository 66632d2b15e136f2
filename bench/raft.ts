import type { HeapProfiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'
import { cpus, loadavg } from 'node:os'
import type { Entry } from '../src/raft/types.ts'
import { Trio } from './raft-trio.ts'
import type { Aim, Report, Row } from './report.ts'
import { bestOf, type Figure } from './stats.ts'
import type { Suite, SuiteOptions } from './suite.ts'

const payloadBytes = 100
const batches = [1, 64, 4096] as const
/** The allocation profiler notes one object in about so many bytes. */
const samplingIntervalBytes = 4096

interface Extent {
  readonly rounds: number
  readonly entries: Readonly<Record<(typeof batches)[number], number>>
  readonly catchUpEntries: number
}
const full: Extent = { rounds: 5, entries: { 1: 30_000, 64: 300_000, 4096: 1_000_000 }, catchUpEntries: 1_000_000 }
const quick: Extent = { rounds: 1, entries: { 1: 3_000, 64: 30_000, 4096: 100_000 }, catchUpEntries: 100_000 }

const aimed: Readonly<Partial<Record<number, number>>> = { 1: 30_000, 4096: 1_000_000 }
const parts = ['rate', 'memory', 'catch-up'] as const

/** The consensus engine alone: what it costs before there is a disk, a network or a state machine. */
export const raftSuite: Suite = {
  name: 'raft',
  about: 'three members of the bare engine in one process, storage in memory',
  parts,
  run,
}

/** Something that takes a batch of payloads to where it is agreed on: the engine, or what it is compared with. */
type Commit = (payloads: readonly Uint8Array[]) => void

async function run({ quick: isQuick, parts: chosen, progress }: SuiteOptions): Promise<Report> {
  const extent = isQuick ? quick : full
  const wants = (part: (typeof parts)[number]) => chosen.length === 0 || chosen.includes(part)
  const loadBefore = loadavg()[0] ?? 0
  const rows: Row[] = []
  const aims: Aim[] = []
  if (wants('rate')) {
    for (const batch of batches) {
      progress(`batches of ${batch}`)
      const count = extent.entries[batch]
      const rates = (start: () => Commit) =>
        Array.from({ length: extent.rounds }, () => entriesPerSecond(start(), batch, count))
      const flotilla = bestOf('entries/s', rates(engine))
      rows.push({
        load: `entries/s, batches of ${batch}`,
        flotilla,
        floor: bestOf('entries/s', rates(copying)),
        etcd: null,
      })
      const aim = aimed[batch]
      if (aim === undefined) continue
      const name = `at least ${aim.toLocaleString('en')} entries/s in batches of ${batch}`
      aims.push({ aim: name, measured: flotilla.value, unit: 'entries/s', met: flotilla.value >= aim })
    }
  }
  if (wants('memory')) {
    for (const batch of batches) {
      progress(`bytes allocated, batches of ${batch}`)
      const flotilla = await bytesPerEntry(engine(), batch, extent.entries[batch])
      const floor = await bytesPerEntry(copying(), batch, extent.entries[batch])
      rows.push({ load: `allocated per entry, batches of ${batch}`, flotilla, floor, etcd: null })
    }
  }
  if (wants('catch-up')) {
    progress(`a follower catches up ${extent.catchUpEntries.toLocaleString('en')} entries`)
    const times = Array.from({ length: Math.min(3, extent.rounds) }, () => catchUp(extent.catchUpEntries))
    const load = `follower catches up ${extent.catchUpEntries.toLocaleString('en')}`
    rows.push({ load, flotilla: bestOf('ms', times), floor: null, etcd: null })
  }
  return { suite: 'raft', environment: environment(loadBefore), rows, notes, aims }
}

const notes = [
  `An entry counts when all three members have applied it; payloads of ${payloadBytes} bytes, which nobody copies. One batch at a`,
  'time: nothing is pipelined. Floor: the same entries made once, put into a message, and pushed onto three arrays by its receivers.',
  'Allocated: by all three members together, collected or not, by the sampling heap profiler.',
]

function environment(load: number): Report['environment'] {
  const cores = cpus()
  return { node: process.versions.node, cores: cores.length, cpu: cores[0]?.model ?? '?', load: load.toFixed(2) }
}

function payloadsOf(batch: number): Uint8Array[] {
  return Array.from({ length: batch }, () => new Uint8Array(payloadBytes))
}

function engine(): Commit {
  const trio = new Trio({ keepAll: false })
  return payloads => trio.commit(payloads)
}

function copying(): Commit {
  let index = 0
  const logs: Entry[][] = [[], [], []]
  return payloads => {
    const entries = payloads.map((data): Entry => ({ term: 1, index: ++index, type: 'normal', data }))
    for (const [to, log] of logs.entries()) {
      const message = { type: 'MsgApp', to, entries }
      for (const entry of message.entries) log.push(entry)
      if (log.length > 30_000) log.length = 0
    }
  }
}

function repeat(commit: Commit, payloads: readonly Uint8Array[], entries: number): number {
  const turns = Math.ceil(entries / payloads.length)
  for (let turn = 0; turn < turns; turn++) commit(payloads)
  return turns * payloads.length
}

function entriesPerSecond(commit: Commit, batch: number, count: number): number {
  const payloads = payloadsOf(batch)
  repeat(commit, payloads, count / 4)
  const began = performance.now()
  const done = repeat(commit, payloads, count)
  return (done / (performance.now() - began)) * 1000
}

async function bytesPerEntry(commit: Commit, batch: number, count: number): Promise<Figure> {
  const payloads = payloadsOf(batch)
  repeat(commit, payloads, count / 4)
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: samplingIntervalBytes,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
  const done = repeat(commit, payloads, count)
  const { profile } = await session.post('HeapProfiler.stopSampling')
  session.disconnect()
  return bestOf('bytes/entry', [bytesIn(profile.head) / done])
}

function bytesIn(node: HeapProfiler.SamplingHeapProfileNode): number {
  return node.children.reduce((sum, child) => sum + bytesIn(child), node.selfSize)
}

/** From the moment a follower that was away is heard again until it has applied everything, in milliseconds. */
function catchUp(entries: number): number {
  const trio = new Trio({ keepAll: true })
  const away = 3
  trio.cutOff(away)
  repeat(payloads => trio.commit(payloads), payloadsOf(4096), entries)
  const last = trio.appliedBy(1)
  trio.cutOff(null)
  const began = performance.now()
  for (let beats = 0; trio.appliedBy(away) < last; beats++) {
    if (beats > 100) throw new Error(`the follower stopped at ${trio.appliedBy(away)} of ${last}`)
    trio.beat()
  }
  return performance.now() - began
}
