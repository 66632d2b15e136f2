#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createLog, type Log } from './log.ts'
import type { Settings } from './options.ts'
import { RedisBackplane } from './redis.ts'
import { type RunningServer, type ServerOptions, startServer } from './server.ts'
import { asksForHelp, describeSettings, readSettings, SettingsError } from './settings.ts'
import { createTicket } from './ticket.ts'

const usage = `Introduces the tabs of a Flotilla cluster to each other, and relays for those who cannot connect directly.

  flotilla-signaling [options]
  flotilla-signaling ticket --room <name> [--ttl-seconds <number>]

The second form prints a ticket for a server with the same ticket key. The client knows the names of rooms,
see docs/server.md.

${describeSettings()}

/healthz tells how it is, /metrics is for Prometheus. SIGTERM or Ctrl-C asks everybody to connect elsewhere and
ends it; a second one ends it at once. More in docs/server.md.
`

const ticketTtlSeconds = 86_400
const interruptSecondsMax = 1

function fail(line: string): never {
  console.error(line)
  process.exit(1)
}

function explain(error: unknown, { host, port: mainPort, metricsPort }: ServerOptions): string {
  const { code, port = mainPort } = error as { code?: unknown; port?: number }
  const flag = port === metricsPort && port !== mainPort ? '--metrics-port' : '--port'
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken: stop what uses it, or choose another with ${flag} ${port + 1}.`
    case 'EACCES':
      return `Not allowed to listen on port ${port}: choose one above 1023 with ${flag} 8080.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine: choose another with --host, for example 127.0.0.1.`
    default:
      return `Cannot listen on ${host} port ${port}: ${error instanceof Error ? error.message : error}`
  }
}

function urlOf(host: string, port: number): string {
  const everywhere = host === '::' || host === '0.0.0.0'
  return `http://${everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`
}

async function start(options: ServerOptions): Promise<RunningServer> {
  try {
    return await startServer(options)
  } catch (error) {
    // A machine without IPv6 has no `::` to listen on; all its addresses are then these.
    const noIpv6 = error instanceof Error && 'code' in error && error.code === 'EAFNOSUPPORT'
    if (noIpv6 && options.host === '::') return await startServer({ ...options, host: '0.0.0.0' })
    return fail(explain(error, options))
  }
}

function serverOptions(settings: Settings, log: Log): ServerOptions {
  const { dir, metricsPort, turnUrls, turnSecret, redisUrl } = settings
  if (dir !== null && !existsSync(join(dir, 'index.html'))) {
    throw new SettingsError(
      `No built app in ${dir}: run "npm run build" first, or serve signaling only, without --dir.`,
    )
  }
  if (turnUrls.length > 0 !== (turnSecret !== null)) {
    throw new SettingsError('TURN needs both: the addresses of its servers, and the secret that is shared with them.')
  }
  return {
    port: settings.port,
    host: settings.host ?? '::',
    ...(dir === null ? {} : { staticDir: dir }),
    ...(metricsPort === null ? {} : { metricsPort: metricsPort === 'off' ? null : metricsPort }),
    processMetrics: true,
    origins: settings.origins,
    ticketKeys: settings.ticketKey,
    turn: turnSecret === null ? null : { urls: turnUrls, secret: turnSecret, ttlSeconds: settings.turnTtlSeconds },
    trustedProxies: settings.trustProxy,
    limits: settings,
    backplane: redisUrl === null ? null : redisBackplane(redisUrl, settings, log),
    log,
  }
}

function redisBackplane(url: string, { roomPeersMax }: Settings, log: Log): RedisBackplane {
  return new RedisBackplane({
    url,
    roomPeersMax,
    onConnected: () => log.info('Redis is there: rooms are shared'),
    onDisconnected: reason => log.warn({ reason }, 'Redis is not there: rooms are those of this instance'),
  })
}

async function serve(flags: readonly string[]): Promise<void> {
  const settings = readSettings(flags, process.env)
  const log = createLog(settings.logLevel, settings.logFormat)
  const options = serverOptions(settings, log)
  const server = await start(options)
  let stopping = false
  const stopWithin = (seconds: number) => async () => {
    if (stopping) process.exit(1)
    stopping = true
    log.info('stopping: everybody is asked to connect elsewhere')
    await server.drain(seconds * 1000)
    log.info('stopped')
    process.exit(0)
  }
  process.on('SIGTERM', stopWithin(settings.drainSeconds))
  // Whoever pressed Ctrl-C is waiting.
  process.on('SIGINT', stopWithin(Math.min(settings.drainSeconds, interruptSecondsMax)))

  const { origins, ticketKeys, turn, backplane } = options
  const guarded = { origins, tickets: ticketKeys?.length !== 0, turn: turn !== null, instances: backplane !== null }
  log.debug(guarded, 'settings')
  // Last, since whoever waits for this line may stop the server next.
  const what = options.staticDir === undefined ? 'Flotilla signaling' : 'Flotilla'
  log.info(`${what} is running at ${urlOf(options.host, server.port)} (Ctrl-C stops it)`)
}

function ticket(flags: readonly string[]): void {
  const { values } = parseArgs({
    args: [...flags],
    options: { room: { type: 'string' }, 'ttl-seconds': { type: 'string' }, 'ticket-key-file': { type: 'string' } },
  })
  const { room, 'ttl-seconds': ttl = `${ticketTtlSeconds}`, 'ticket-key-file': file } = values
  const [key] = readSettings(file === undefined ? [] : ['--ticket-key-file', file], process.env).ticketKey
  if (key === undefined)
    throw new SettingsError('No key to sign with: set FLOTILLA_TICKET_KEY, or give --ticket-key-file.')
  if (room === undefined || room === '') throw new SettingsError('For which room? Give its name with --room.')
  if (!/^\d{1,10}$/.test(ttl)) throw new SettingsError(`--ttl-seconds is "${ttl}": give a whole number.`)
  process.stdout.write(`${createTicket({ key, room, expiresAt: Date.now() + Number(ttl) * 1000 })}\n`)
}

const [command, ...rest] = process.argv.slice(2)
try {
  if (asksForHelp(process.argv)) process.stdout.write(usage)
  else if (command === 'ticket') ticket(rest)
  else await serve(process.argv.slice(2))
} catch (error) {
  fail(error instanceof Error ? error.message : `${error}`)
}
