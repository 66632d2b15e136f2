import { parseArgs } from 'node:util'
import { isUsageError, UsageError, wholeNumber } from '../command-line.ts'
import { loadProtocol, type Protocol } from './protocol.ts'
import { type Difference, runSeed } from './run.ts'
import { comparedRelease, connectTo, etcdVersion, type Server, StartError, startEtcd, startGateway } from './servers.ts'

const usage = `Does the same operations, drawn from a seed, to a real etcd and to the gateway, and compares every answer, every error and
every watch stream. Each seed begins with a new etcd and a new gateway.

  npm run differential                              seed 1, 20000 operations
  npm run differential -- --seed S --ops N          that seed, N operations
  npm run differential -- --seed S --seeds K        K seeds, from S
  npm run differential -- --differences D           stop a seed at D differences (default 3)
  npm run differential -- --against etcd            a second etcd in place of the gateway: shows that the comparison is quiet
  npm run differential -- --against HOST:PORT       a server that runs there, which must be empty (one seed)
  npm run differential -- --help                    this text

Needs etcd (on Debian: apt-get install etcd-server). A difference is given with the operation, both answers, and the command
that repeats it. The last line reads "N passed, N failed", seeds being what is counted; the exit code is 0 if nothing failed,
1 if something did, 2 if the options make no sense, 3 if etcd is not installed or a server does not
start.
`

const exitCodes = { failed: 1, usage: 2, noServer: 3, interrupted: 130 } as const
const progressEveryMs = 5_000

interface Options {
  readonly seed: number
  readonly seeds: number
  readonly operations: number
  readonly differencesMax: number
  readonly against: string | null
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options === null) {
    process.stdout.write(usage)
    return 0
  }
  const version = await etcdVersion()
  if (version === null) {
    process.stderr.write('etcd is not installed. On Debian: apt-get install etcd-server\n')
    return exitCodes.noServer
  }
  const { seed, seeds, operations, against } = options
  process.stdout.write(`etcd ${version} and ${against ?? 'the gateway'}, ${operations} operations a seed\n`)
  if (!version.startsWith(comparedRelease)) {
    process.stderr.write(
      `The gateway answers as etcd ${comparedRelease}x: another release may differ without anything being wrong.\n`,
    )
  }
  const protocol = await loadProtocol()
  let failed = 0
  for (let at = seed; at < seed + seeds; at += 1) {
    const differences = await compareSeed(at, options, protocol)
    if (differences.length > 0) failed += 1
  }
  process.stdout.write(`${seeds - failed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : exitCodes.failed
}

async function compareSeed(seed: number, options: Options, protocol: Protocol): Promise<readonly Difference[]> {
  const { operations, differencesMax, against } = options
  const servers: Server[] = []
  try {
    const reference = await startEtcd('etcd', protocol)
    servers.push(reference)
    const subject = await startSubject(against, protocol)
    servers.push(subject)
    const clock = new Progress(seed, operations)
    const differences = await runSeed(seed, reference.endpoint, subject.endpoint, {
      operations,
      differencesMax,
      onProgress: (done, found) => clock.tell(done, found),
    })
    for (const { operation, text } of differences) {
      const replay = `npm run differential -- --seed ${seed} --ops ${operation}${against === null ? '' : ` --against ${against}`}`
      process.stdout.write(`\nseed ${seed}, operation ${operation}:\n  ${text}\n  again: ${replay}\n`)
    }
    for (const { endpoint, lastWords } of servers) {
      const words = lastWords()
      if (words !== null) process.stdout.write(`\n${endpoint.name} ended by itself:\n${words}\n`)
    }
    clock.finish(differences.length)
    return differences
  } finally {
    await Promise.all(servers.map(server => server.stop()))
  }
}

function startSubject(against: string | null, protocol: Protocol): Promise<Server> {
  if (against === null) return startGateway(protocol)
  return against === 'etcd' ? startEtcd('another etcd', protocol) : connectTo(against, protocol)
}

/** A line now and then, and one at the end. */
class Progress {
  readonly #seed: number
  readonly #operations: number
  readonly #startedMs = performance.now()
  #toldMs = performance.now()
  #done = 0

  constructor(seed: number, operations: number) {
    this.#seed = seed
    this.#operations = operations
  }

  tell(done: number, differences: number): void {
    this.#done = done
    if (performance.now() - this.#toldMs < progressEveryMs) return
    this.#toldMs = performance.now()
    process.stderr.write(`${this.#line(differences)}\n`)
  }

  finish(differences: number): void {
    process.stdout.write(`${this.#line(differences)}\n`)
  }

  #line(differences: number): string {
    const rate = (this.#done * 1_000) / (performance.now() - this.#startedMs)
    return `seed ${this.#seed}: ${this.#done}/${this.#operations} operations, ${rate.toFixed(0)}/s, ${differences} differences`
  }
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      ops: { type: 'string', default: '20000' },
      differences: { type: 'string', default: '3' },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const against = values.against ?? null
  const seeds = wholeNumber('seeds', values.seeds, 1)
  if (against !== null && against !== 'etcd' && seeds > 1) {
    throw new UsageError('--seeds needs a new server for each: --against takes HOST:PORT for one seed only')
  }
  return {
    seed: wholeNumber('seed', values.seed, 1),
    seeds,
    operations: wholeNumber('ops', values.ops, 1),
    differencesMax: wholeNumber('differences', values.differences, 1),
    against,
  }
}

// By way of an exit, so that the servers end as well.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(exitCodes.interrupted))

try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = isUsageError(error)
  if (!isUsage && !(error instanceof StartError)) throw error
  process.stderr.write(`${error.message}${isUsage ? ' (see --help)' : ''}\n`)
  process.exitCode = isUsage ? exitCodes.usage : exitCodes.noServer
}
