import { cpus, loadavg } from 'node:os'
import { etcdVersion } from '../tests/differential/servers.ts'
import { measureBundle } from './bundle.ts'
import { EtcdCluster } from './etcd.ts'
import { type Floor, openFloor } from './floor.ts'
import { Tabs } from './flotilla.ts'
import {
  type ManyAtOnce,
  type OneByOne,
  putsPerTransaction,
  transactionsInFlight,
  valueBytes,
  writesInFlight,
} from './loads.ts'
import type { Aim, Report, Row } from './report.ts'
import { type Stand, withStand } from './stand.ts'
import { bestOf, type Figure, medianOf, percentile, type Unit, worstOf } from './stats.ts'
import type { Suite, SuiteOptions } from './suite.ts'
import { type End, type Seat, type System, seats } from './system.ts'

/** One line of the table. */
interface Load {
  readonly title: string
  readonly unit: Unit
  /** Of several rounds. A tab is closed only a few times, under other circumstances each time, so there the best says nothing. */
  readonly pick: (unit: Unit, rounds: readonly number[]) => Figure
}

const loads = {
  bundlePage: { title: 'client bundle, page', unit: 'bytes', pick: bestOf },
  bundleWorker: { title: 'client bundle, worker', unit: 'bytes', pick: bestOf },
  bundle: { title: 'client bundle', unit: 'bytes', pick: bestOf },
  commit: { title: 'strict IndexedDB commit p50', unit: 'ms', pick: bestOf },
  commitsAtOnce: { title: 'the same, three tabs at once', unit: 'ms', pick: bestOf },
  roundTrip: { title: 'data-channel round trip p50', unit: 'ms', pick: bestOf },
  replicated: { title: 'bare write on three tabs p50', unit: 'ms', pick: bestOf },
  close: { title: 'leader closed, to the next write', unit: 'ms', pick: medianOf },
  crash: { title: 'leader crashed, to the next write', unit: 'ms', pick: medianOf },
} satisfies Record<string, Load>

const seatLoads = (seat: Seat) =>
  ({
    put: { title: `put p50, ${seat}`, unit: 'ms', pick: bestOf },
    put99: { title: `put p99, ${seat}`, unit: 'ms', pick: bestOf },
    read: { title: `linearizable read p50, ${seat}`, unit: 'ms', pick: bestOf },
    rate: { title: `puts/s, ${writesInFlight} in flight, ${seat}`, unit: 'writes/s', pick: bestOf },
    batched: { title: `puts/s, ${putsPerTransaction} to a transaction, ${seat}`, unit: 'writes/s', pick: bestOf },
    watched: { title: `put to the last tab's watch p50, ${seat}`, unit: 'ms', pick: bestOf },
    watched99: { title: `put to the last tab's watch p99, ${seat}`, unit: 'ms', pick: bestOf },
    committed: { title: `commit to the last tab's watch p50, ${seat}`, unit: 'ms', pick: bestOf },
  }) satisfies Record<string, Load>

const seated: Record<Seat, ReturnType<typeof seatLoads>> = {
  leader: seatLoads('leader'),
  follower: seatLoads('follower'),
}

type Party = 'flotilla' | 'etcd' | 'floor'

/** How long each load runs, and how often. */
interface Extent {
  readonly rounds: number
  readonly latency: OneByOne
  readonly throughput: ManyAtOnce
  readonly batches: ManyAtOnce
  readonly closings: number
  readonly crashes: number
}

const full: Extent = {
  rounds: 3,
  latency: { warmUp: 200, count: 1_000 },
  throughput: { inFlight: writesInFlight, warmUpMs: 1_000, measureMs: 3_000 },
  batches: { inFlight: transactionsInFlight, warmUpMs: 500, measureMs: 2_000 },
  closings: 7,
  crashes: 3,
}

const quick: Extent = {
  rounds: 1,
  latency: { warmUp: 100, count: 300 },
  throughput: { inFlight: writesInFlight, warmUpMs: 500, measureMs: 1_000 },
  batches: { inFlight: transactionsInFlight, warmUpMs: 300, measureMs: 700 },
  closings: 2,
  crashes: 1,
}

const ends: readonly End[] = ['close', 'crash']

const parts = ['latency', 'throughput', 'batches', 'watch', 'failover', 'bundle'] as const

/** Three tabs of the real app in one Chromium, beside what browser and machine take by themselves, and beside etcd. */
export const tabsSuite: Suite = {
  name: 'tabs',
  about: 'three tabs of the app in one Chromium, beside the floor and a three-member etcd',
  parts,
  run,
}

async function run(options: SuiteOptions): Promise<Report> {
  const extent = options.quick ? quick : full
  const wants = (part: (typeof parts)[number]) => options.parts.length === 0 || options.parts.includes(part)
  const results = new Results()
  const loadBefore = loadavg()[0] ?? 0
  if (wants('bundle')) {
    options.progress('client bundle')
    const { page, worker } = await measureBundle()
    results.add(loads.bundlePage, 'flotilla', page)
    results.add(loads.bundleWorker, 'flotilla', worker)
    results.add(loads.bundle, 'flotilla', page + worker)
  }
  options.progress('building the app, starting the browser')
  const version = await etcdVersion()
  const browser = await withStand(async stand => {
    const etcd = version === null ? null : await EtcdCluster.start()
    try {
      await measure(stand, etcd)
    } finally {
      await etcd?.stop()
    }
    return stand.browserVersion
  })

  async function measure(stand: Stand, etcd: System | null): Promise<void> {
    options.progress('opening three tabs')
    const systems: [Party, System][] = [['flotilla', await Tabs.open(stand)]]
    if (etcd !== null) systems.push(['etcd', etcd])
    const floor = await openFloor(stand)
    for (let round = 1; round <= extent.rounds; round += 1) {
      const at = `round ${round} of ${extent.rounds}`
      if (wants('latency')) {
        options.progress(`${at}: floor`)
        results.addFloor(await floor(extent.latency))
      }
      for (const [party, system] of systems) {
        for (const seat of seats) {
          options.progress(`${at}: ${party}, ${seat}`)
          if (wants('latency')) {
            const puts = await system.puts(seat, extent.latency)
            results.add(seated[seat].put, party, percentile(puts, 0.5))
            results.add(seated[seat].put99, party, percentile(puts, 0.99))
            const reads = await system.reads(seat, extent.latency)
            results.add(seated[seat].read, party, percentile(reads, 0.5))
          }
          if (wants('throughput')) {
            const rate = await system.putsPerSecond(seat, extent.throughput)
            results.add(seated[seat].rate, party, rate)
          }
          if (wants('batches')) {
            const rate = await system.batchedPutsPerSecond(seat, extent.batches)
            results.add(seated[seat].batched, party, rate)
          }
          if (wants('watch')) {
            const puts = await system.watched(seat, extent.latency)
            const fromCall = puts.map(({ fromCall }) => fromCall)
            results.add(seated[seat].watched, party, percentile(fromCall, 0.5))
            results.add(seated[seat].watched99, party, percentile(fromCall, 0.99))
            if (seat !== 'leader') continue
            const fromAnswer = puts.map(({ fromAnswer }) => fromAnswer)
            results.add(seated[seat].committed, party, percentile(fromAnswer, 0.5))
          }
        }
      }
    }
    if (!wants('failover')) return
    for (const end of ends) {
      const times = end === 'close' ? extent.closings : extent.crashes
      for (const [party, system] of systems) {
        for (let time = 1; time <= times; time += 1) {
          options.progress(`${end === 'close' ? 'closing' : 'crashing'} the leader: ${party}, ${time} of ${times}`)
          results.add(loads[end], party, await system.failover(end))
        }
      }
    }
  }

  return {
    suite: 'tabs',
    environment: {
      processors: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
      node: process.version,
      browser,
      etcd: version ?? 'not installed',
      'load before': loadBefore.toFixed(2),
      rounds: extent.rounds,
    },
    rows: results.rows(),
    notes: notes(version !== null, wants('failover')),
    aims: aims(results),
  }
}

function notes(withEtcd: boolean, withFailover: boolean): string[] {
  const lines = [
    `Of each load the best round; failover is the median, and the worst. Values of ${valueBytes} bytes, one Chromium, real disk.`,
    'Floor of a put: one strict IndexedDB commit and one data-channel round trip; of a read: one round trip.',
    'Commit to watch: from the answer in the tab of the leader, which applies first, to the callback in the last of three tabs.',
    'Bare write: sent to two tabs, committed in all three at once; done when it is in the sender and one other. No consensus, no client.',
  ]
  lines.push(
    withEtcd
      ? 'etcd: three members on loopback, asked by one gRPC client in Node, which is a part of its figures.'
      : 'etcd: not installed here, so there is nothing to compare with.',
  )
  if (withEtcd && withFailover) lines.push('etcd closed: SIGTERM; crashed: SIGKILL. A tab is crashed with its process.')
  return lines
}

function aims(results: Results): Aim[] {
  const list: Aim[] = []
  for (const seat of seats) {
    const put = results.figure(seated[seat].put, 'flotilla')
    const floor = results.figure(seated[seat].put, 'floor')
    if (put === null || floor === null) continue
    const measured = put.value / floor.value
    list.push({ aim: `put p50 at most 2 x the floor, ${seat}`, measured, unit: 'times', met: measured <= 2 })
  }
  for (const seat of seats) {
    const rate = results.figure(seated[seat].rate, 'flotilla')
    if (rate === null) continue
    list.push({ aim: `10,000 puts/s, ${seat}`, measured: rate.value, unit: 'writes/s', met: rate.value >= 10_000 })
  }
  const failover = results.figure(loads.close, 'flotilla')
  if (failover !== null) {
    const measured = Math.max(...failover.rounds)
    list.push({ aim: 'failover under 300 ms, the worst', measured, unit: 'ms', met: measured < 300 })
  }
  return list
}

/** The lines of the table, from top to bottom. */
const order: readonly Load[] = [
  ...[loads.commit, loads.commitsAtOnce, loads.roundTrip, loads.replicated],
  ...seats.map(seat => seated[seat].put),
  ...seats.map(seat => seated[seat].put99),
  ...seats.map(seat => seated[seat].read),
  ...seats.map(seat => seated[seat].rate),
  ...seats.map(seat => seated[seat].batched),
  ...seats.map(seat => seated[seat].watched),
  ...seats.map(seat => seated[seat].watched99),
  seated.leader.committed,
  ...[loads.close, loads.crash],
  ...[loads.bundlePage, loads.bundleWorker, loads.bundle],
]

/** What was measured. */
class Results {
  readonly #rounds = new Map<Load, Map<Party, number[]>>()

  add(load: Load, party: Party, value: number): void {
    const parties = this.#rounds.get(load) ?? new Map<Party, number[]>()
    this.#rounds.set(load, parties)
    parties.set(party, [...(parties.get(party) ?? []), value])
  }

  addFloor({ commits, commitsAtOnce, roundTrips, replicated }: Floor): void {
    const [commit, roundTrip] = [percentile(commits, 0.5), percentile(roundTrips, 0.5)]
    this.add(loads.commit, 'floor', commit)
    this.add(loads.commitsAtOnce, 'floor', percentile(commitsAtOnce, 0.5))
    this.add(loads.roundTrip, 'floor', roundTrip)
    this.add(loads.replicated, 'floor', percentile(replicated, 0.5))
    for (const seat of seats) {
      this.add(seated[seat].put, 'floor', commit + roundTrip)
      this.add(seated[seat].read, 'floor', roundTrip)
    }
  }

  figure(load: Load, party: Party, pick = load.pick): Figure | null {
    const rounds = this.#rounds.get(load)?.get(party)
    return rounds === undefined ? null : pick(load.unit, rounds)
  }

  rows(): Row[] {
    const measured = order.filter(load => this.#rounds.has(load))
    return measured.flatMap(load => {
      const row = (title: string, of: (party: Party) => Figure | null): Row => ({
        load: title,
        flotilla: of('flotilla'),
        floor: of('floor'),
        etcd: of('etcd'),
      })
      const picked = row(load.title, party => this.figure(load, party))
      if (load.pick === bestOf) return [picked]
      return [picked, row(`${load.title}, worst`, party => this.figure(load, party, worstOf))]
    })
  }
}
