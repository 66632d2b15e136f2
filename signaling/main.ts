import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type RunningServer, type ServerOptions, startServer } from './server.ts'

const usage = `Serves the Flotilla app and its signaling from one process.

  tsx signaling/main.ts [options]

  --port <number>   port to listen on (default: $PORT, else 8080; 0 lets the system choose)
  --host <address>  address to listen on (default: $HOST, else all addresses)
  --dir <path>      the built app (default: dist)
  --no-app          signaling only
  --help            this text

/healthz answers with the number of rooms and peers. Stop it with Ctrl-C.
`

function fail(line: string): never {
  console.error(line)
  process.exit(1)
}

function readOptions(): ServerOptions {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: process.env.PORT || '8080' },
      host: { type: 'string', default: process.env.HOST || '::' },
      dir: { type: 'string', default: 'dist' },
      'no-app': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    process.exit(0)
  }
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535 || values.port.trim() === '') {
    fail(`${values.port} is not a port: give a number from 0 to 65535.`)
  }
  if (values['no-app']) return { port, host: values.host }
  if (!existsSync(join(values.dir, 'index.html'))) {
    fail(`No built app in ${values.dir}: run "npm run build" first, or serve signaling only with --no-app.`)
  }
  return { port, host: values.host, staticDir: values.dir }
}

function explain(error: unknown, options: ServerOptions): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${options.port} is taken: stop what uses it, or choose another with --port ${options.port + 1}.`
    case 'EACCES':
      return `Not allowed to listen on port ${options.port}: choose one above 1023 with --port 8080.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${options.host} is not an address of this machine: choose another with --host, for example 127.0.0.1.`
    default:
      return `Cannot listen on ${options.host} port ${options.port}: ${error instanceof Error ? error.message : error}`
  }
}

function urlOf(options: ServerOptions, port: number): string {
  const everywhere = options.host === '::' || options.host === '0.0.0.0'
  const host = everywhere ? 'localhost' : options.host.includes(':') ? `[${options.host}]` : options.host
  return `http://${host}:${port}`
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

let options: ServerOptions
try {
  options = readOptions()
} catch (error) {
  fail(`${error instanceof Error ? error.message : error} (--help lists the options)`)
}
const server = await start(options)
const what = options.staticDir === undefined ? 'Flotilla signaling' : 'Flotilla'
console.log(`${what} is running at ${urlOf(options, server.port)} (Ctrl-C stops it)`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await server.close()
    process.exit(0)
  })
}
