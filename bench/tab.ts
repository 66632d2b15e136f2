import { cpus, loadavg } from 'node:os'
import { Tabs } from './flotilla.ts'
import { type Failover, valueBytes } from './loads.ts'
import type { Aim, Report, Row } from './report.ts'
import { type Stand, withStand } from './stand.ts'
import { bestOf, type Figure, medianOf, type Unit, worstOf } from './stats.ts'
import type { Suite, SuiteOptions } from './suite.ts'
import type { End } from './system.ts'
import { measureDisk } from './tab-disk.ts'
import { Holding, reloads } from './tab-pages.ts'

interface Extent {
  /** Keys that the cluster holds. */
  readonly sizes: readonly number[]
  readonly loads: number
  readonly reloads: number
  readonly closings: number
  readonly crashes: number
  readonly overwrites: number
}

const full: Extent = {
  sizes: [0, 10_000, 1_000_000],
  loads: 7,
  reloads: 15,
  closings: 15,
  crashes: 7,
  overwrites: 100_000,
}
const quick: Extent = { sizes: [0, 10_000], loads: 2, reloads: 2, closings: 2, crashes: 1, overwrites: 5_000 }

const closeAimMs = 50
const crashAimMs = 1_000

const parts = ['load', 'memory', 'reload', 'failover', 'disk'] as const

/** The life of one tab: how soon it is there, what it takes up, and how little the others notice when it goes. */
export const tabSuite: Suite = {
  name: 'tab',
  about: 'the life of a tab: load, reload, the end of the leader, memory, disk',
  parts,
  run,
}

async function run({ quick: isQuick, parts: chosen, progress }: SuiteOptions): Promise<Report> {
  const extent = isQuick ? quick : full
  const wants = (part: (typeof parts)[number]) => chosen.length === 0 || chosen.includes(part)
  const loadBefore = loadavg()[0] ?? 0
  const rows: Row[] = []
  const aims: Aim[] = []
  progress('building the app, starting the browser')
  const browser = await withStand(async stand => {
    for (const keys of wants('load') || wants('memory') ? extent.sizes : []) {
      const title = `${keys.toLocaleString('en')} keys`
      progress(`founding a cluster of ${title}`)
      const holding = await Holding.found(stand, keys)
      if (wants('load')) rows.push(...(await loads(holding, title, extent.loads, progress)))
      if (wants('memory')) rows.push(await memory(holding, title, progress))
    }
    if (wants('reload')) {
      progress('reloading one of three tabs')
      rows.push(...(await reloadRows(stand, extent.reloads)))
    }
    if (wants('failover')) await failover(stand, extent, { rows, aims, progress })
    if (wants('disk')) {
      progress(`overwriting keys ${extent.overwrites.toLocaleString('en')} times`)
      rows.push(...(await measureDisk(stand, extent.overwrites)))
    }
    return stand.browserVersion
  })
  return { suite: 'tab', environment: environment(browser, loadBefore), rows, notes, aims }
}

const notes = [
  'Load: a page that does nothing but open the database, in a browser that runs; from the start of the navigation, the best of several.',
  `Values of ${valueBytes} bytes. Floor of a load, and of memory: a page whose worker reads as many bytes out of IndexedDB, without our code.`,
  'Memory: performance.measureUserAgentSpecificMemory(), page and worker. Reload, failover: three tabs, the median.',
  'Disk: the folder of the IndexedDB; its floor is what can still be read: keys, and the revisions of them that are kept.',
]

async function loads(holding: Holding, title: string, count: number, progress: (what: string) => void): Promise<Row[]> {
  const opened: number[] = []
  const local: number[] = []
  const linearizable: number[] = []
  const floor: number[] = []
  for (let at = 1; at <= count; at += 1) {
    progress(`loading a page, ${title}, ${at} of ${count}`)
    const arrivals = await holding.load()
    opened.push(arrivals.opened)
    local.push(arrivals.localRead)
    linearizable.push(arrivals.linearizableRead)
    floor.push(await holding.loadFloor())
  }
  const beside = bestOf('ms', floor)
  return [
    { ...row(`page load to open, ${title}`, bestOf('ms', opened)), floor: beside },
    { ...row(`page load to local read, ${title}`, bestOf('ms', local)), floor: beside },
    { ...row(`page load to linearizable read, ${title}`, bestOf('ms', linearizable)), floor: beside },
  ]
}

async function memory(holding: Holding, title: string, progress: (what: string) => void): Promise<Row> {
  progress(`memory of a tab, ${title}`)
  const { tab, floor } = await holding.memory()
  return { ...row(`memory of a tab, ${title}`, medianOf('bytes', [tab])), floor: medianOf('bytes', [floor]) }
}

async function reloadRows(stand: Stand, count: number): Promise<Row[]> {
  const arrivals = await reloads(stand, count)
  const opened = arrivals.map(({ opened }) => opened)
  const read = arrivals.map(({ linearizableRead }) => linearizableRead)
  return [
    row('reload to resumed member', medianOf('ms', opened)),
    row('reload to resumed member, worst', worstOf('ms', opened)),
    row('reload to linearizable read', medianOf('ms', read)),
  ]
}

async function failover(
  stand: Stand,
  { closings, crashes }: Extent,
  { rows, aims, progress }: { rows: Row[]; aims: Aim[]; progress: (what: string) => void },
): Promise<void> {
  const tabs = await Tabs.open(stand)
  const measure = async (end: End, times: number) => {
    const took: Failover[] = []
    for (let time = 1; time <= times; time += 1) {
      progress(`the leader's tab is ${end === 'close' ? 'closed' : 'killed'}, ${time} of ${times}`)
      took.push(await tabs.failoverAndPause(end))
    }
    return took
  }
  const closed = await measure('close', closings)
  const killed = await measure('crash', crashes)
  const nextOf = (took: readonly Failover[]) => took.map(({ nextMs }) => nextMs)
  for (const [what, took] of [
    ["leader's tab closed", closed],
    ["leader's renderer killed", killed],
  ] as const) {
    const pauses = took.map(({ pauseMs }) => pauseMs)
    rows.push(row(`${what}, to the next leader's first write`, medianOf('ms', nextOf(took))))
    rows.push(row(`${what}, to the next leader's first write, worst`, worstOf('ms', nextOf(took))))
    rows.push(row(`${what}, longest pause until then`, medianOf('ms', pauses)))
    rows.push(row(`${what}, longest pause until then, worst`, worstOf('ms', pauses)))
  }
  const p50 = medianOf('ms', nextOf(closed)).value
  const worst = worstOf('ms', nextOf(killed)).value
  aims.push(aim(`leader closed, p50 under ${closeAimMs} ms`, p50, 'ms', p50 < closeAimMs))
  aims.push(aim(`leader killed, the worst under ${crashAimMs / 1_000} s`, worst, 'ms', worst < crashAimMs))
  await tabs.close()
}

function row(load: string, flotilla: Figure): Row {
  return { load, flotilla, floor: null, etcd: null }
}

function aim(aim: string, measured: number, unit: Unit, met: boolean): Aim {
  return { aim, measured, unit, met }
}

function environment(browser: string, load: number): Report['environment'] {
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  return { processors: `${cpus().length} x ${model}`, browser, node: process.version, 'load before': load.toFixed(2) }
}
