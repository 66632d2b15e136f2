import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClientDuplexStream, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'
import { freePorts } from '../tests/differential/servers.ts'
import {
  type Arrivals,
  keyOf,
  keysOfTransaction,
  type ManyAtOnce,
  manyAtOnce,
  type OneByOne,
  oneByOne,
  putsPerTransaction,
  type TimedPut,
  untilSeenByAll,
  valueBytes,
} from './loads.ts'
import type { End, Seat, System, WatchedPut } from './system.ts'

const members = 3
const startMsMax = 20_000
const callMsMax = 5_000
const probeIntervalMs = 5

interface Answer {
  readonly header: { readonly member_id: string; readonly raft_term: string; readonly revision: string }
}

type Call = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: Answer) => void,
) => void

interface Client {
  Put: Call
  Range: Call
  Txn: Call
  Status: Call
  Watch(): ClientDuplexStream<object, WatchAnswer>
  close(): void
}

interface WatchAnswer {
  readonly created: boolean
  readonly events: readonly { readonly kv: { readonly mod_revision: string } }[]
}

type ClientClass = new (address: string, credentials: unknown) => Client

interface Member {
  readonly start: () => ChildProcess
  process: ChildProcess
  readonly kv: Client
  readonly watch: Client
  readonly maintenance: Client
}

/** Three members of etcd with its defaults, on loopback, on the same disk as the browser's profile. */
export class EtcdCluster implements System {
  readonly #folder: string
  readonly #members: Member[]

  private constructor(folder: string, cluster: Member[]) {
    this.#folder = folder
    this.#members = cluster
  }

  static async start(): Promise<EtcdCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-etcd-'))
    const ports = await freePorts(2 * members)
    const { KV, Maintenance, Watch } = await services()
    const urls = Array.from({ length: members }, (_, at) => ({
      client: `127.0.0.1:${ports[2 * at]}`,
      peer: `http://127.0.0.1:${ports[2 * at + 1]}`,
    }))
    const initial = urls.map(({ peer }, at) => `m${at}=${peer}`).join(',')
    const cluster = new EtcdCluster(
      folder,
      urls.map(({ client, peer }, at) => {
        const start = () =>
          spawn(
            'etcd',
            [
              ...['--name', `m${at}`, '--data-dir', join(folder, `m${at}`)],
              ...['--listen-client-urls', `http://${client}`, '--advertise-client-urls', `http://${client}`],
              ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
              ...['--initial-cluster', initial, '--log-level', 'error'],
            ],
            { stdio: 'ignore' },
          )
        const insecure = credentials.createInsecure()
        const [kv, watch] = [new KV(client, insecure), new Watch(client, insecure)]
        return { start, process: start(), kv, watch, maintenance: new Maintenance(client, insecure) }
      }),
    )
    try {
      await cluster.#settled()
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    for (const { kv, watch, maintenance, process } of this.#members) {
      kv.close()
      watch.close()
      maintenance.close()
      await ended(process, 'SIGKILL')
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  async puts(seat: Seat, load: OneByOne): Promise<readonly number[]> {
    const { kv } = await this.#at(seat)
    return oneByOne(number => put(kv, number), load)
  }

  async reads(seat: Seat, load: OneByOne): Promise<readonly number[]> {
    const { kv } = await this.#at(seat)
    return oneByOne(number => ask(kv, 'Range', { key: Buffer.from(keyOf(number)) }), load)
  }

  async putsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number> {
    const { kv } = await this.#at(seat)
    return manyAtOnce(number => put(kv, number), load)
  }

  async batchedPutsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number> {
    const { kv } = await this.#at(seat)
    const transactions = await manyAtOnce(number => {
      const success = keysOfTransaction(number).map(key => ({ request_put: { key: Buffer.from(key), value } }))
      return ask(kv, 'Txn', { success })
    }, load)
    return transactions * putsPerTransaction
  }

  async watched(seat: Seat, { warmUp, count }: OneByOne): Promise<readonly WatchedPut[]> {
    const { kv } = await this.#at(seat)
    const watchers = await Promise.all(this.#members.map(member => watchLoads(member.watch)))
    const puts: TimedPut[] = []
    for (let number = 0; number < warmUp + count; number += 1) {
      const calledAt = performance.now()
      const { header } = await put(kv, number)
      if (number >= warmUp) {
        puts.push({ revision: Number(header.revision), calledAt, answeredAt: performance.now() })
      }
    }
    const last = puts.at(-1)?.revision ?? 0
    return untilSeenByAll(puts, await Promise.all(watchers.map(until => until(last))))
  }

  async failover(end: End): Promise<number> {
    const leader = await this.#at('leader')
    const { kv } = await this.#at('follower')
    const { header } = await put(kv, 0)
    const began = performance.now()
    leader.process.kill(signals[end])
    // A write that was on its way to the old leader is lost and its caller waits in vain, so others follow at short intervals.
    const took = await new Promise<number>(resolve => {
      const timer = setInterval(async () => {
        const answer = await put(kv, 0).catch(() => null)
        if (answer === null || Number(answer.header.raft_term) <= Number(header.raft_term)) return
        clearInterval(timer)
        resolve(performance.now() - began)
      }, probeIntervalMs)
    })
    await ended(leader.process, signals[end])
    leader.process = leader.start()
    await this.#settled()
    return took
  }

  async #settled(): Promise<void> {
    const deadline = performance.now() + startMsMax
    for (;;) {
      const settled = await Promise.all(this.#members.map(({ maintenance }) => statusOf(maintenance))).catch(() => null)
      if (settled?.every(({ leader }) => leader !== '0' && leader === settled[0]?.leader)) return
      if (performance.now() > deadline) throw new Error('etcd did not form a cluster')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async #at(seat: Seat): Promise<Member> {
    const statuses = await Promise.all(this.#members.map(({ maintenance }) => statusOf(maintenance)))
    const leads = statuses.map(({ header, leader }) => header.member_id === leader)
    const member = this.#members.find((_, at) => leads[at] === (seat === 'leader'))
    if (member === undefined) throw new Error('none of the members leads')
    return member
  }
}

const signals: Record<End, NodeJS.Signals> = { close: 'SIGTERM', crash: 'SIGKILL' }
const value = Buffer.alloc(valueBytes, 'v')

function put(client: Client, number: number): Promise<Answer> {
  return ask(client, 'Put', { key: Buffer.from(keyOf(number)), value })
}

/** Watches all keys that the loads write. Resolves when the watch is there, to a function that waits for a revision and ends it. */
async function watchLoads(client: Client): Promise<(revision: number) => Promise<Arrivals>> {
  const stream = client.Watch()
  const arrivals: [number, number][] = []
  let arrived = () => {}
  const created = new Promise<void>((resolve, reject) => {
    stream.on('error', reject)
    stream.on('data', ({ created, events }: WatchAnswer) => {
      if (created) resolve()
      for (const { kv } of events) arrivals.push([Number(kv.mod_revision), performance.now()])
      arrived()
    })
  })
  stream.write({ create_request: { key: Buffer.from('bench/'), range_end: Buffer.from('bench0') } })
  await created
  return async revision => {
    await new Promise<void>(resolve => {
      arrived = () => {
        if ((arrivals.at(-1)?.[0] ?? 0) >= revision) resolve()
      }
      arrived()
    })
    stream.end()
    return arrivals
  }
}

async function statusOf(client: Client): Promise<Answer & { readonly leader: string }> {
  const answer = await ask(client, 'Status', {})
  if (!('leader' in answer) || typeof answer.leader !== 'string') throw new Error('a status without a leader')
  return { ...answer, leader: answer.leader }
}

function ask(client: Client, method: 'Put' | 'Range' | 'Txn' | 'Status', request: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client[method](request, { deadline: Date.now() + callMsMax }, (error, answer) => {
      if (error === null) resolve(answer)
      else reject(error)
    })
  })
}

async function services(): Promise<Record<'KV' | 'Watch' | 'Maintenance', ClientClass>> {
  const protocol = createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto')
  const definition = await load(protocol, { keepCase: true, longs: String, defaults: true })
  const { etcdserverpb } = loadPackageDefinition(definition)
  // Made from the protocol's text at run time, so that the types are known to nobody but the protocol.
  return etcdserverpb as unknown as Record<'KV' | 'Watch' | 'Maintenance', ClientClass>
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}
