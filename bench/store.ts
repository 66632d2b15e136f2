import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus, loadavg } from 'node:os'
import type { Aim, Report, Row } from './report.ts'
import type { Figure } from './stats.ts'
import { valueBytes } from './store-load.ts'
import type { Suite, SuiteOptions } from './suite.ts'

interface Extent {
  readonly keys: number
  readonly revisions: number
}
const full: Extent = { keys: 1_000_000, revisions: 5_000_000 }
const quick: Extent = { keys: 100_000, revisions: 500_000 }

const pauseAimMs = 50
const parts = ['operations', 'watching', 'history'] as const

/** The state machine alone: no log, no network, one client. */
export const storeSuite: Suite = {
  name: 'store',
  about: 'the bare store in one process: operations, watchers, memory, pauses',
  parts,
  run,
}

async function run({ quick: isQuick, parts: chosen, progress }: SuiteOptions): Promise<Report> {
  const extent = isQuick ? quick : full
  const loadBefore = loadavg()[0] ?? 0
  const rows: Row[] = []
  for (const part of parts) {
    if (chosen.length > 0 && !chosen.includes(part)) continue
    progress(`${part}: ${extent.keys.toLocaleString('en')} keys, ${extent.revisions.toLocaleString('en')} revisions`)
    rows.push(...(await measure(part, extent)))
  }
  return { suite: 'store', environment: environment(loadBefore), rows, notes, aims: aimsOf(rows) }
}

const notes = [
  `Values of ${valueBytes} bytes, cut out of larger messages. Floor: a bare map of strings to arrays (get, put, bytes), a bare ordered map`,
  'and the same map (range, restore), a copy of the bytes (snapshot), one object into each list (watchers). Bytes per revision: of a',
  'key that exists. Bytes per key: with one value, when all else is compacted and scrubbed. The longest call holds up all else',
  'for so long, garbage collection included; without the time in which other programs had the core, where the system tells it.',
]

/** In a process of its own, so that no part finds another's garbage. */
async function measure(part: string, { keys, revisions }: Extent): Promise<Row[]> {
  const child = fork(new URL('./store-measures.ts', import.meta.url), [part, String(keys), String(revisions)])
  const exited = once(child, 'exit')
  let rows: Row[] | null = null
  // What comes is what `store-measures.ts` sends.
  child.once('message', message => {
    rows = message as Row[]
  })
  const [code] = await exited
  if (rows === null) throw new Error(`the measuring of ${part} ended with ${code}`)
  return rows
}

function aimsOf(rows: readonly Row[]): Aim[] {
  const calls = rows.filter(({ load }) => load.startsWith('longest call'))
  const longest = calls.reduce<Figure | null>((worst, { flotilla }) => {
    return worst === null || (flotilla !== null && flotilla.value > worst.value) ? flotilla : worst
  }, null)
  if (longest === null) return []
  const { value } = longest
  return [{ aim: `no pause over ${pauseAimMs} ms`, measured: value, unit: 'ms', met: value <= pauseAimMs }]
}

function environment(load: number): Report['environment'] {
  const cores = cpus()
  return { node: process.versions.node, cores: cores.length, cpu: cores[0]?.model ?? '?', load: load.toFixed(2) }
}
