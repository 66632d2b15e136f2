import type { Decoder } from './decoder.ts'
import { netDecoders } from './decoders/net.ts'
import { raftDecoders } from './decoders/raft.ts'
import { signalingDecoders } from './decoders/signaling.ts'
import { storeDecoders } from './decoders/store.ts'
import { walDecoders } from './decoders/wal.ts'

/** Everything that reads bytes or texts which somebody else wrote. */
export const decoders: readonly Decoder[] = [
  ...netDecoders,
  ...raftDecoders,
  ...storeDecoders,
  ...walDecoders,
  ...signalingDecoders,
]

/** How many of so many inputs each gets: at least one. */
export function shares(inputs: number): ReadonlyMap<Decoder, number> {
  const total = decoders.reduce((sum, { weight }) => sum + weight, 0)
  return new Map(decoders.map(decoder => [decoder, Math.max(1, Math.ceil((inputs * decoder.weight) / total))]))
}
