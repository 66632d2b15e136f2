import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js'
import { DEFAULT_STORE_OPTIONS } from '../src/store/limits.ts'
import { Client } from './client.ts'
import { Cluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import { kvService } from './kv.ts'
import { leaseService } from './lease.ts'
import { type Listener, listen, PlainConnection } from './listener.ts'
import { maintenanceService } from './maintenance.ts'
import { clusterService } from './members.ts'
import { loadServices, type ServiceName } from './protocol.ts'
import { progressNotifyMs, watchService } from './watch.ts'

/** etcd's allowance for what a request is wrapped in, beyond the largest write. */
const receivedBytesMax = DEFAULT_STORE_OPTIONS.requestBytesMax + 512 * 1024
/** A first election takes a few ticks. */
const electionMsMax = 10_000
const portMax = 65_535

export interface GatewayOptions {
  /** Of the first member; the others listen on the next ones, or if these are taken, on any. 0: all on any. */
  readonly port: number
  readonly host: string
  /** PEM. Without it the gateway speaks plain text. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** How often an idle watch that asked for it is told the revision. Default ten minutes, as in etcd. */
  readonly progressNotifyMs?: number
}

export interface Gateway {
  /** `host:port` of the first member, and of all three; `localhost` where they listen on all addresses. */
  readonly address: string
  readonly addresses: readonly string[]
  readonly cluster: Cluster
  /** Ends all calls and the cluster; what it held is gone. */
  close(): Promise<void>
}

/** A certificate or key that cannot be used. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
}

/**
 * Founds a cluster of three members in this process and serves each as etcd would. Resolves when it has a leader. Rejects with
 * the system's error if the port cannot be listened on, and with `CertificateError`.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host, port, tls } = options
  const credentials = credentialsFor(tls)
  const services = await loadServices()
  const cluster = new Cluster()
  const listeners: Listener[] = []
  const servers = cluster.members.map(newServer)
  const clients = cluster.members.map(member => new Client(member))
  const close = async () => {
    for (const client of clients) client.stop()
    for (const server of servers) server.forceShutdown()
    for (const listener of listeners) listener.close()
    await cluster.stop()
  }
  try {
    for (const server of servers) {
      const injector = server.createConnectionInjector(credentials)
      const accept = (socket: Socket) =>
        injector.injectConnection(tls === undefined ? new PlainConnection(socket) : socket)
      listeners.push(await listenAt(host, port, listeners.length, accept))
    }
    const addresses = listeners.map(listener => hostAndPort(host, listener.port))
    const urls = addresses.map(address => `${tls === undefined ? 'http' : 'https'}://${address}`)
    for (const [at, client] of clients.entries()) {
      const [member, server] = [cluster.members[at], servers[at]]
      if (member === undefined || server === undefined) throw new Error('assertion failed: a client without a member')
      serve(server, services, { cluster, member, client }, urls, options.progressNotifyMs ?? progressNotifyMs)
    }
    const haveLeader = () => cluster.members.every(({ status }) => status.leader !== 0)
    if (!(await cluster.until(haveLeader, electionMsMax))) throw new Error('the members elected no leader')
    const [address] = addresses
    if (address === undefined) throw new Error('assertion failed: a cluster without members')
    return { address, addresses, cluster, close }
  } catch (error) {
    await close()
    throw error
  }
}

function newServer(): Server {
  return new Server({ 'grpc.max_receive_message_length': receivedBytesMax, 'grpc.max_send_message_length': -1 })
}

function serve(
  server: Server,
  services: Record<ServiceName, ServiceDefinition>,
  endpoint: Endpoint,
  urls: readonly string[],
  notifyMs: number,
): void {
  server.addService(services.KV, kvService(endpoint))
  server.addService(services.Watch, watchService(endpoint, { progressNotifyMs: notifyMs }))
  server.addService(services.Lease, leaseService(endpoint))
  server.addService(services.Cluster, clusterService(endpoint, urls))
  server.addService(services.Maintenance, maintenanceService(endpoint))
}

function credentialsFor(tls: GatewayOptions['tls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  try {
    // gRPC would find out with the first connection.
    createSecureContext(tls)
  } catch (error) {
    throw new CertificateError(error instanceof Error ? error.message : String(error))
  }
  return ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }])
}

/** The first member's port is as wanted, or it is an error; the others' are the next ones, or where those are taken, any. */
async function listenAt(host: string, port: number, at: number, accept: (socket: Socket) => void): Promise<Listener> {
  if (port === 0 || at === 0) return listen(host, port, accept)
  if (port + at > portMax) return listen(host, 0, accept)
  return listen(host, port + at, accept).catch(() => listen(host, 0, accept))
}

function hostAndPort(host: string, port: number): string {
  if (host === '::' || host === '0.0.0.0') return `localhost:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
