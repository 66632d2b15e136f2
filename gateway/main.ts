import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CertificateError, type Gateway, type GatewayOptions, startGateway } from './gateway.ts'

const usage = `Serves a cluster of three Flotilla members as etcd would be: etcd's gRPC API v3, for etcdctl and other clients of etcd.

  npm run gateway -- [options]

  --port <number>   port of the first member (default: 2379; 0 lets the system choose). The other two listen on the next
                    two ports or, where one is taken, on any that is free.
  --host <address>  address to listen on (default: 127.0.0.1). There are no users and no passwords: whoever can connect
                    can read and write.
  --cert <file>     with --key: serve TLS with this certificate (PEM)
  --key <file>
  --help            this text

All three members are in this one process and keep their logs in memory: when it ends, the data is gone. Any member takes any
request. Some ask for a certain one, as with etcd:

  etcdctl --endpoints=127.0.0.1:2379 endpoint status --cluster -w table     which member leads
  etcdctl --endpoints=<the leader's address> move-leader <id of another>

Numbers and ids are integers up to 2^53 - 1; a request with a larger one is refused. Not served: users and roles, changes of
the membership, snapshots. Stop it with Ctrl-C.
`

function fail(line: string): never {
  console.error(line)
  process.exit(1)
}

function readOptions(): GatewayOptions {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '2379' },
      host: { type: 'string', default: '127.0.0.1' },
      cert: { type: 'string' },
      key: { type: 'string' },
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
  const { host, cert, key } = values
  if (cert === undefined && key === undefined) return { port, host }
  if (cert === undefined || key === undefined) fail('TLS needs both --cert and --key.')
  return { port, host, tls: { cert: read(cert), key: read(key) } }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    return fail(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`)
  }
}

function explain(error: unknown, { host, port }: GatewayOptions): string {
  if (error instanceof CertificateError) return `Cannot use the certificate and key given: ${error.message}`
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken: stop what uses it, or choose another with --port ${port + 1}.`
    case 'EACCES':
      return `Not allowed to listen on port ${port}: choose one above 1023 with --port 2379.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine: choose another with --host, for example 127.0.0.1.`
    default:
      return `Cannot serve on ${host} port ${port}: ${error instanceof Error ? error.message : error}`
  }
}

let options: GatewayOptions
try {
  options = readOptions()
} catch (error) {
  fail(`${error instanceof Error ? error.message : error} (--help lists the options)`)
}
let gateway: Gateway
try {
  gateway = await startGateway(options)
} catch (error) {
  fail(explain(error, options))
}
const [first, ...others] = gateway.addresses
const scheme = options.tls === undefined ? 'http' : 'https'
console.log(
  `Flotilla's etcd gateway is running at ${scheme}://${first}, members also at ${others.join(' and ')} (Ctrl-C stops it)`,
)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await gateway.close()
    process.exit(0)
  })
}
