import type { Limits } from './limits.ts'
import { Quota, TokenBucket } from './token-bucket.ts'

/** Addresses with less than a full bucket are remembered; above so many of them new ones are turned away. */
const addressesMax = 100_000

/** What all connections of one address share. */
export interface Address {
  /** As in `client-address.ts`: an address, or a network of IPv6. */
  readonly network: string
  readonly quota: Quota
  readonly connects: TokenBucket
  connections: number
}

/** Holds each address to what one may take. */
export class Addresses {
  readonly #limits: Limits
  readonly #addresses = new Map<string, Address>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** One connection more of this address, or null if it has enough. What is admitted is to be released. */
  admit(network: string, nowMs: number): Address | null {
    const address = this.#addresses.get(network) ?? this.#meet(network, nowMs)
    if (address === null) return null
    const { addressConnectionsMax: max } = this.#limits
    if (max !== 0 && address.connections >= max) return null
    // Who owes frames must wait with connections, too, or would owe more and more.
    if (address.quota.take(0, 0, nowMs) > 0 || !address.connects.tryTake(nowMs)) return null
    address.connections++
    return address
  }

  release(address: Address): void {
    address.connections--
  }

  /** Forgets those about whom there is nothing to remember. */
  sweep(nowMs: number): void {
    for (const [network, { connections, quota, connects }] of this.#addresses) {
      if (connections === 0 && quota.isFull(nowMs) && connects.isFull(nowMs)) this.#addresses.delete(network)
    }
  }

  #meet(network: string, nowMs: number): Address | null {
    if (this.#addresses.size >= addressesMax) return null
    const { addressFramesPerSecond, addressBytesPerSecond, addressConnectsPerSecond } = this.#limits
    const quota = new Quota(addressFramesPerSecond, addressBytesPerSecond, nowMs)
    const address = { network, quota, connects: new TokenBucket(addressConnectsPerSecond, nowMs), connections: 0 }
    this.#addresses.set(network, address)
    return address
  }
}
