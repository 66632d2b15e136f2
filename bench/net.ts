import { cpus, loadavg } from 'node:os'
import { connectTimes } from './net-connect.ts'
import { NetPair } from './net-pair.ts'
import { type ServerExtent, serverRows } from './net-server.ts'
import type { NetLoad } from './pages/net-messages.ts'
import type { Aim, Report, Row } from './report.ts'
import { withStand } from './stand.ts'
import { bestOf, type Figure, medianOf, type Unit } from './stats.ts'
import type { Suite, SuiteOptions } from './suite.ts'

const parts = ['rate', 'connect', 'server'] as const

interface Extent {
  readonly rounds: number
  /** By how much every load is longer than its shortest. */
  readonly lengthen: number
  readonly tabs: readonly number[]
  readonly server: ServerExtent
}

const full: Extent = { rounds: 7, lengthen: 2, tabs: [2, 5, 10, 40], server: { rounds: 5, messages: 500 } }
const quick: Extent = { rounds: 1, lengthen: 1, tabs: [2], server: { rounds: 1, messages: 100 } }

const KiB = 1024

interface Measured {
  readonly title: string
  readonly unit: Unit
  readonly load: NetLoad
  /** Without one it is told and not judged. */
  readonly aimed: boolean
}

/** The shortest of each load; all numbers are multiples of 64, of which the receiver tells. */
const loads: readonly Measured[] = [
  {
    title: 'appends of 200 bytes, each in a turn of its own',
    unit: 'frames/s',
    load: { bytes: 200, messages: 8_192, perTurn: 1, as: 'append', window: 1_024 },
    aimed: true,
  },
  {
    title: 'the same, 64 to a turn; the floor sends each by itself',
    unit: 'messages/s',
    load: { bytes: 200, messages: 16_384, perTurn: 64, as: 'append', window: 4_096 },
    aimed: false,
  },
  {
    title: 'appends of 16 KiB',
    unit: 'MB/s',
    load: { bytes: 16 * KiB, messages: 1_024, perTurn: 1, as: 'append', window: 64 },
    aimed: true,
  },
  {
    title: 'snapshot, in parts of 60 KiB',
    unit: 'MB/s',
    load: { bytes: 60 * KiB, messages: 256, perTurn: 1, as: 'snapshot', window: 32 },
    aimed: true,
  },
]

const shareAim = 0.9

/** What carries members' words: how much of a bare channel's rate is left, and how soon tabs are linked. */
export const netSuite: Suite = {
  name: 'net',
  about: 'links between tabs: frames and bytes per second beside a bare channel, time to connect; the server',
  parts,
  run,
}

async function run({ quick: isQuick, parts: chosen, progress }: SuiteOptions): Promise<Report> {
  const extent = isQuick ? quick : full
  const wants = (part: (typeof parts)[number]) => chosen.length === 0 || chosen.includes(part)
  const loadBefore = loadavg()[0] ?? 0
  const rows: Row[] = []
  const aims: Aim[] = []
  if (wants('server')) {
    progress('a server process of its own')
    rows.push(...(await serverRows(extent.server)))
  }
  const needsBrowser = wants('rate') || wants('connect')
  if (needsBrowser) progress('building the app, starting the browser')
  const browser = !needsBrowser
    ? 'none'
    : await withStand(async stand => {
        if (wants('rate')) {
          const pair = await NetPair.open(stand)
          for (const measured of loads) {
            progress(measured.title)
            const row = await rate(pair, measured, extent)
            rows.push(row)
            if (measured.aimed) aims.push(aimOf(row))
          }
          await pair.close()
        }
        for (const tabs of wants('connect') ? extent.tabs : []) {
          progress(`connecting ${tabs} tabs`)
          const { all, median } = await connectTimes(stand, tabs, tabs > 10 ? 1 : Math.min(3, extent.rounds))
          rows.push(alone(`${tabs} tabs at once, until all see all, from the navigation`, medianOf('ms', all)))
          rows.push(alone(`${tabs} tabs at once, until one sees all, median`, medianOf('ms', median)))
        }
        return stand.browserVersion
      })
  return { suite: 'net', environment: environment(browser, loadBefore), rows, notes, aims }
}

const notes = [
  'Rates: from worker to worker of two tabs in one browser, the best of several rounds, in turn with the floor.',
  'Floor: a bare channel of the same connection, in the same workers, with the same frames made beforehand and the same windows.',
  'Server: one process without limits, the clients in one other process of the same machine.',
  'Connecting: one tab founds a cluster and stays; the others are opened at once with its invite, in the same browser. Median of three; 40 tabs once.',
]

async function rate(pair: NetPair, { title, unit, load }: Measured, { rounds, lengthen }: Extent): Promise<Row> {
  const long = { ...load, messages: load.messages * lengthen }
  const figures: Record<'links' | 'raw', number[]> = { links: [], raw: [] }
  // The first round of each warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const over of ['raw', 'links'] as const) {
      const { ms, wireBytes } = await pair.run(over, long)
      const perSecond = unit === 'MB/s' ? wireBytes / 1e6 / (ms / 1e3) : long.messages / (ms / 1e3)
      if (round > 0) figures[over].push(perSecond)
    }
  }
  return { load: title, flotilla: bestOf(unit, figures.links), floor: bestOf(unit, figures.raw), etcd: null }
}

function aimOf({ load, flotilla, floor }: Row): Aim {
  const share = (flotilla?.value ?? 0) / (floor?.value ?? Number.NaN)
  return { aim: `${load}: ${shareAim} of a bare channel`, measured: share, unit: 'times', met: share >= shareAim }
}

function alone(load: string, flotilla: Figure): Row {
  return { load, flotilla, floor: null, etcd: null }
}

function environment(browser: string, load: number): Report['environment'] {
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  return { processors: `${cpus().length} x ${model}`, browser, node: process.version, 'load before': load.toFixed(2) }
}
