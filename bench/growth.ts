import { cpus, loadavg } from 'node:os'
import { diskMs, latencyMs, uplinkBytesPerMs } from './growth-cluster.ts'
import { type Cost, costOf, rounds, valueBytes } from './growth-cost.ts'
import { plantStar, plantTree } from './growth-tree.ts'
import type { Aim, Report, Row } from './report.ts'
import { bestOf, type Figure } from './stats.ts'
import type { Suite, SuiteOptions } from './suite.ts'

const voters = 5
const sizes = [10, 100, 1_000] as const
const quickSizes = [10, 100] as const
/** Its links are bounded, so what the leader sends should stay as it is; ten times as much would be one message more for each member. */
const sentGrowthMax = 1.5
/** The tree has as many levels as the logarithm of members. */
const lastGrowthMax = 2
/** For a hundred times the members: answers are put together where they meet on their way, but not into one. */
const growthMax = 10

const parts = sizes.map(String)

/** What more members cost the one that leads. Virtual time, and no chance: the same figures in every run. */
export const growthSuite: Suite = {
  name: 'growth',
  about: 'what 10, 100 and 1,000 members cost the leader, in virtual time',
  parts,
  run,
}

interface Measured {
  readonly size: number
  readonly tree: Cost
}

async function run({ quick, parts: chosen, progress }: SuiteOptions): Promise<Report> {
  const loadBefore = loadavg()[0] ?? 0
  const rows: Row[] = []
  const measured: Measured[] = []
  for (const size of quick ? quickSizes : sizes) {
    if (chosen.length > 0 && !chosen.includes(String(size))) continue
    const members = `${size.toLocaleString('en')} members`
    progress(`${members}, through others: each chooses whom to be linked to`)
    const tree = costOf(plantTree(size, voters), voters, what => progress(`${members}, through others: ${what}`))
    const star = costOf(plantStar(size, voters), voters, what => progress(`${members}, fed by the leader: ${what}`))
    measured.push({ size, tree })
    rows.push(...rowsOf(members, tree, star))
  }
  const environment = {
    processors: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    node: process.version,
    'load before': loadBefore.toFixed(2),
  }
  return { suite: 'growth', environment, rows, notes, aims: aimsOf(measured) }
}

const notes = [
  `Whole members on the worker's routing in one process, ${voters} of them voters. Floor: the same without others that pass things on, every`,
  `voter linked to all. A link takes ${latencyMs} ms one way, a line ${uplinkBytesPerMs} bytes/ms upwards, a disk ${diskMs} ms; ${rounds} values of ${valueBytes} bytes,`,
  `one a second. What a write costs is what its second costs more than an idle one.`,
  'Frames are what a link is given, and bytes those of frames: not what the engine puts around them, nor the pings of links, which',
  'are as many as links.',
]

function rowsOf(members: string, tree: Cost, star: Cost): Row[] {
  const row = (load: string, pick: (cost: Cost) => number, unit: Figure['unit']): Row => ({
    load: `${members}: ${load}`,
    flotilla: bestOf(unit, [pick(tree)]),
    floor: bestOf(unit, [pick(star)]),
    etcd: null,
  })
  return [
    row('links of the leader', cost => cost.links, 'links'),
    row('leader sends, a write', cost => cost.write.sentBytes, 'bytes'),
    row('leader sends, a write', cost => cost.write.sentFrames, 'frames'),
    row('leader receives, a write', cost => cost.write.receivedBytes, 'bytes'),
    row('leader receives, a write', cost => cost.write.receivedFrames, 'frames'),
    row('leader sends, an idle second', cost => cost.idleSecond.sentBytes, 'bytes'),
    row('leader sends, an idle second', cost => cost.idleSecond.sentFrames, 'frames'),
    row('leader receives, an idle second', cost => cost.idleSecond.receivedBytes, 'bytes'),
    row('leader receives, an idle second', cost => cost.idleSecond.receivedFrames, 'frames'),
    row('commit to screen, half of all', cost => cost.medianMs, 'ms'),
    row('commit to screen, the last', cost => cost.lastMs, 'ms'),
  ]
}

function aimsOf(measured: readonly Measured[]): Aim[] {
  const costs = new Map(measured.map(({ size, tree }) => [size, tree]))
  const aim = (sizes: readonly [number, number], what: string, max: number, pick: (cost: Cost) => number): Aim[] => {
    const [fewer, more] = sizes
    const [before, after] = [costs.get(fewer), costs.get(more)]
    if (before === undefined || after === undefined) return []
    const growth = pick(after) / pick(before)
    const name = `from ${fewer} to ${more.toLocaleString('en')} members, ${what}: at most ${max} times`
    return [{ aim: name, measured: growth, unit: 'times', met: growth <= max }]
  }
  return [
    ...aim([100, 1_000], 'leader sends, a write', sentGrowthMax, cost => cost.write.sentBytes),
    ...aim([100, 1_000], 'leader sends, an idle second', sentGrowthMax, cost => cost.idleSecond.sentBytes),
    ...aim([100, 1_000], 'commit to screen, the last', lastGrowthMax, cost => cost.lastMs),
    ...aim([10, 1_000], 'leader sends, a write', growthMax, cost => cost.write.sentBytes),
    ...aim([10, 1_000], 'leader receives, a write', growthMax, cost => cost.write.receivedBytes),
  ]
}
