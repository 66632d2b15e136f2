/** What one process lets others use of it. Rates are of frames that come in; 0 stands for no limit. */
export interface Limits {
  /** Peers and relays, in all rooms together. */
  readonly peersMax: number
  /** Peers in one room, over all instances; and as many relays of one instance. */
  readonly roomPeersMax: number
  /** Connections of one address at a time. An office behind one address counts as one. */
  readonly addressConnectionsMax: number
  readonly addressConnectsPerSecond: number
  readonly addressFramesPerSecond: number
  readonly addressBytesPerSecond: number
  readonly peerFramesPerSecond: number
  readonly peerBytesPerSecond: number
  readonly relayFramesPerSecond: number
  readonly relayBytesPerSecond: number
  /** What may wait for one that reads slowly; beyond it the connection is cut off. */
  readonly peerBufferBytesMax: number
  readonly relayBufferBytesMax: number
  /** What may wait for all of them together; beyond it those are cut off that have more than an even share. */
  readonly buffersBytesMax: number
}

const KiB = 1024
const MiB = 1024 * KiB

export const defaultLimits: Limits = {
  peersMax: 10_000,
  roomPeersMax: 1024,
  addressConnectionsMax: 2_000,
  addressConnectsPerSecond: 100,
  addressFramesPerSecond: 20_000,
  addressBytesPerSecond: 64 * MiB,
  // A tab that opens in a full room greets eight peers and dials them, with some ten frames of some KiB for each.
  peerFramesPerSecond: 100,
  peerBytesPerSecond: 512 * KiB,
  relayFramesPerSecond: 4_000,
  relayBytesPerSecond: 16 * MiB,
  peerBufferBytesMax: 1 * MiB,
  relayBufferBytesMax: 4 * MiB,
  buffersBytesMax: 256 * MiB,
}
