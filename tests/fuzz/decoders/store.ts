import fc from 'fast-check'
import { decodeCommand, encodeCommand, encodeSystemCommand } from '../../../src/store/command-codec.ts'
import { CHECKSUM_BYTES, Checksum } from '../../../src/store/snapshot-format.ts'
import { DecodeError, Store } from '../../../src/store/store.ts'
import type { Command, SystemCommand } from '../../../src/store/types.ts'
import { anyCommand, compactRequest, leaseRequest, systemCommand, writeRequest } from '../../unit/store/arbitraries.ts'
import { type Codec, type Decoder, drawn, encoded, takeCanonical } from '../decoder.ts'

/** What the store reads: the payloads of log entries, and whole states. */

const declares = (error: unknown) => error instanceof DecodeError

const command: Codec<Command | SystemCommand> = {
  read: decodeCommand,
  write: command => (command.clientId === null ? encodeSystemCommand(command) : encodeCommand(command)),
  declares,
}

const clients = ['0'.repeat(32), '1'.repeat(32)]
const writes = fc.array(fc.tuple(fc.nat(1), fc.oneof(writeRequest, writeRequest, leaseRequest, compactRequest)), {
  maxLength: 12,
})

function snapshotAfter(requests: readonly (readonly [number, Command['request']])[]): Uint8Array {
  const store = new Store()
  const seqs = [0, 0]
  for (const [client, request] of requests) {
    const seq = (seqs[client] ?? 0) + 1
    seqs[client] = seq
    store.apply({ clientId: clients[client] ?? '', seq, acked: 0, request })
  }
  return store.snapshot()
}

/** A state is read by making a store of it. */
const state: Codec<Store> = {
  read: bytes => Store.restore(bytes),
  write: store => store.snapshot(),
  declares,
}

export const storeDecoders: readonly Decoder[] = [
  {
    name: 'command',
    weight: 4,
    corpus: seed => ({
      valid: [...encoded(command, systemCommand, seed), ...drawn(anyCommand, seed).map(encodeCommand)],
    }),
    take: bytes => takeCanonical(command, bytes),
  },
  {
    name: 'store-snapshot',
    weight: 0.3,
    corpus: seed => ({ valid: drawn(writes, seed).map(snapshotAfter) }),
    reseal(bytes) {
      const body = bytes.length - CHECKSUM_BYTES
      if (body < 0) return
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(body, new Checksum().end(bytes.subarray(0, body)), true)
    },
    take: bytes => takeCanonical(state, bytes),
  },
]
