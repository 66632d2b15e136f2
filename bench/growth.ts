import { cpus } from 'node:os'
import { diskMs, GrowthCluster, latencyMs, uplinkBytesPerMs } from './growth-cluster.ts'
import { plantStar, plantTree, type Wants } from './growth-tree.ts'
import type { Aim, Report, Row } from './report.ts'
import { bestOf, type Figure, median } from './stats.ts'
import type { Suite, SuiteOptions } from './suite.ts'

const voters = 5
const valueBytes = 100
const writes = 5
const writeEveryMs = 500
const settleMs = 2_500
const idleMs = 2_000
const sizes = [10, 100, 1_000] as const
const quickSizes = [10, 40] as const
/** Times as many bytes of the leader's for a hundred times as many members. */
const growthMax = 10

const parts = sizes.map(String)

/** What more members cost the one that leads. Virtual time, and no chance: the same figures in every run but for the processor's. */
export const growthSuite: Suite = {
  name: 'growth',
  about: 'what 10, 100 and 1,000 members cost the leader, in virtual time',
  parts,
  run,
}

interface Cost {
  /** Of the leader, for one write. */
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly busyMs: number
  /** Of the leader, in a second without writes. */
  readonly idleSentBytes: number
  readonly idleReceivedBytes: number
  /** From the leader's commit to the screen of half of the others, and of the last. */
  readonly medianMs: number
  readonly lastMs: number
}

async function run({ quick, parts: chosen, progress }: SuiteOptions): Promise<Report> {
  const rows: Row[] = []
  const trees: Cost[] = []
  for (const size of quick ? quickSizes : sizes) {
    if (chosen.length > 0 && !chosen.includes(String(size))) continue
    const members = `${size.toLocaleString('en')} members`
    progress(`${members}, through others`)
    const tree = measure(plantTree(size, voters))
    progress(`${members}, each fed by the leader`)
    const star = measure(plantStar(size, voters))
    trees.push(tree)
    const row = (load: string, pick: (cost: Cost) => number, unit: Figure['unit']): Row => ({
      load: `${members}: ${load}`,
      flotilla: bestOf(unit, [pick(tree)]),
      floor: bestOf(unit, [pick(star)]),
      etcd: null,
    })
    rows.push(
      row('leader sends, a write', cost => cost.sentBytes, 'bytes'),
      row('leader receives, a write', cost => cost.receivedBytes, 'bytes'),
      row('leader works, a write', cost => cost.busyMs, 'ms'),
      row('leader sends, an idle second', cost => cost.idleSentBytes, 'bytes'),
      row('leader receives, an idle second', cost => cost.idleReceivedBytes, 'bytes'),
      row('commit to screen, half of all', cost => cost.medianMs, 'ms'),
      row('commit to screen, the last', cost => cost.lastMs, 'ms'),
    )
  }
  const cores = cpus()
  const environment = { node: process.versions.node, cores: cores.length, cpu: cores[0]?.model ?? '?' }
  return { suite: 'growth', environment, rows, notes, aims: aimsOf(trees) }
}

const notes = [
  `Whole members on the worker's routing in one process, ${voters} of them voters. Floor: the same without others that pass things on, every`,
  `voter linked to all. A link takes ${latencyMs} ms one way, a line ${uplinkBytesPerMs} bytes/ms upwards, a disk ${diskMs} ms; values of ${valueBytes} bytes, one`,
  `write every ${writeEveryMs} ms, ${writes} of them. Bytes are those of frames, without what the engine puts around them. "works" is the`,
  "processor's time in the leader's replica and router, and the only figure that the machine has a part in.",
]

function measure(wants: Wants): Cost {
  const cluster = new GrowthCluster(wants, voters)
  cluster.run(settleMs)
  const { leader } = cluster
  const read = () => ({ sent: leader.sentBytes, received: leader.receivedBytes, busy: leader.busyMs })
  const before = read()
  cluster.run(idleMs)
  const between = read()
  const lags: number[] = []
  const lastLags: number[] = []
  for (let seq = 1; seq <= writes; seq += 1) {
    const index = cluster.write(seq, valueBytes)
    cluster.run(writeEveryMs)
    const lag = cluster.lags(index)
    lags.push(median(lag))
    lastLags.push(Math.max(...lag))
  }
  const after = read()
  if (cluster.leader !== leader) throw new Error('another leads')
  const idleShare = (writes * writeEveryMs) / idleMs
  const each = (of: keyof typeof before) => (after[of] - between[of] - idleShare * (between[of] - before[of])) / writes
  return {
    sentBytes: each('sent'),
    receivedBytes: each('received'),
    busyMs: each('busy'),
    idleSentBytes: ((between.sent - before.sent) * 1_000) / idleMs,
    idleReceivedBytes: ((between.received - before.received) * 1_000) / idleMs,
    medianMs: median(lags),
    lastMs: Math.max(...lastLags),
  }
}

function aimsOf(trees: readonly Cost[]): Aim[] {
  const [smallest, largest] = [trees[0], trees.at(-1)]
  if (smallest === undefined || largest === undefined || trees.length < sizes.length) return []
  const sent = largest.sentBytes / smallest.sentBytes
  const received = largest.receivedBytes / smallest.receivedBytes
  const aim = (what: string, measured: number): Aim => ({
    aim: `100 times the members, ${what} at most ${growthMax} times`,
    measured,
    unit: 'times',
    met: measured <= growthMax,
  })
  return [aim('bytes sent', sent), aim('bytes received', received)]
}
