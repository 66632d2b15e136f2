import { createRequire } from 'node:module'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'

export type ServiceName = 'KV' | 'Watch' | 'Lease' | 'Cluster' | 'Maintenance'

/** etcd's services, from the protocol's own text. */
export async function loadServices(): Promise<Record<ServiceName, ServiceDefinition>> {
  const protocol = createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto')
  const definitions = await load(protocol, { keepCase: true, longs: Number, defaults: true })
  const service = (name: ServiceName): ServiceDefinition => {
    const definition = definitions[`etcdserverpb.${name}`]
    if (definition === undefined || 'format' in definition) throw new Error(`the protocol has no service ${name}`)
    // A service has methods and no `format`, which types with an index signature cannot say.
    return definition as ServiceDefinition
  }
  return {
    KV: service('KV'),
    Watch: service('Watch'),
    Lease: service('Lease'),
    Cluster: service('Cluster'),
    Maintenance: service('Maintenance'),
  }
}
