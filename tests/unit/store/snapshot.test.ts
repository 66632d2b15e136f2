import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Writer as BinaryWriter, DecodeError } from '../../../src/store/binary.ts'
import { decodeCommand } from '../../../src/store/command-codec.ts'
import { HASH_SEED, mixBytes } from '../../../src/store/hash.ts'
import type { SnapshotWriter } from '../../../src/store/snapshot.ts'
import { Store } from '../../../src/store/store.ts'
import type { Command, SystemCommand } from '../../../src/store/types.ts'
import { compactRequest, leaseRequest, rangeRequest, systemCommand, writeRequest } from './arbitraries.ts'
import {
  applyAny,
  checkpoint,
  clientId,
  compact,
  del,
  encodeAny,
  expire,
  grant,
  keepAlive,
  put,
  revoke,
  system,
  txn,
  Writer,
} from './requests.ts'

/** Logs of several clients and of leaders, with repeats, gaps and compactions. */
const logs: fc.Arbitrary<(Command | SystemCommand)[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        clientId: fc.integer({ min: 1, max: 4 }).map(clientId),
        seq: fc.integer({ min: 1, max: 12 }),
        acked: fc.constant(0),
        request: fc.oneof(
          { weight: 8, arbitrary: writeRequest },
          { weight: 3, arbitrary: leaseRequest },
          { weight: 1, arbitrary: compactRequest },
        ),
      }),
    },
    { weight: 1, arbitrary: systemCommand },
  ),
  { maxLength: 60, size: 'max' },
)

const OPTIONS = { sessionsMax: 3, rememberedResultsMax: 4 }

function sampleStore(): Store {
  const store = new Store()
  const writer = new Writer(store)
  writer.ok(txn([put('a', '1'), put('b', '2'), txn([], [], [])]))
  writer.ok(del('a', null, true))
  for (const lease of [3, 70_000]) writer.ok(grant(lease))
  writer.ok(put('c', '', { lease: 3 }))
  store.applySystem(checkpoint(3, 1, 9))
  return store
}

function whole(writer: SnapshotWriter): Uint8Array {
  for (;;) {
    const bytes = writer.step(Number.MAX_SAFE_INTEGER)
    if (bytes !== null) return bytes
  }
}

test('an export and a succession hold the same data, with all their time in the leases; only a succession knows who wrote', () => {
  const store = sampleStore()
  expect(store.lease(3)?.remainingSeconds).toBe(9)
  const exported = Store.restore(whole(store.beginExport()))
  const successor = Store.restore(whole(store.beginSuccession()))
  for (const copy of [exported, successor]) {
    expect(copy.revision).toBe(store.revision)
    expect(copy.hashKv(0)).toEqual(store.hashKv(0))
    expect(copy.lease(3)).toEqual({ ...store.lease(3), remainingSeconds: store.lease(3)?.ttlSeconds })
    expect(copy.leaseKeys(3)).toEqual(store.leaseKeys(3))
  }
  expect(store.resultOf(clientId(1), 5)).toMatchObject({ ok: true })
  expect(exported.resultOf(clientId(1), 5)).toBe('unknown')
  expect(successor.resultOf(clientId(1), 5)).toEqual(store.resultOf(clientId(1), 5))
})

test('a snapshot being made knows how much of it is done', () => {
  const store = new Store()
  const writer = new Writer(store)
  for (let i = 0; i < 100; i++) writer.ok(put(`k${i}`, 'v'))
  const snapshot = store.beginSnapshot()
  const seen = [snapshot.progress]
  while (snapshot.step(10) === null) seen.push(snapshot.progress)
  expect(seen[0]).toBe(0)
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(new Set(seen).size).toBeGreaterThan(10)
  expect(snapshot.progress).toBe(1)
  expect(snapshot.revision).toBe(store.revision)
})

test('the same log makes the same results, hash and snapshot, byte by byte', () => {
  fc.assert(
    fc.property(logs, log => {
      const one = new Store(OPTIONS)
      const other = new Store(OPTIONS)
      for (const command of log) {
        // What the other applies has been on the wire, and its buffer is used for other things afterwards.
        const entry = Uint8Array.from([0, ...encodeAny(command), ...new Uint8Array(4096)])
        const decoded = decodeCommand(entry.subarray(1, -4096))
        expect(applyAny(other, decoded)).toEqual(applyAny(one, command))
        entry.fill(0xee)
        expect(other.hash).toBe(one.hash)
      }
      expect(other.snapshot()).toEqual(one.snapshot())
    }),
  )
})

test('a restored store is the one that was saved, now and after whatever comes', () => {
  fc.assert(
    fc.property(logs, logs, fc.array(rangeRequest), (before, after, ranges) => {
      const store = new Store(OPTIONS)
      for (const command of before) applyAny(store, command)
      const restored = Store.restore(store.snapshot(), OPTIONS)
      expect(restored).toMatchObject({
        revision: store.revision,
        compactRevision: store.compactRevision,
        hash: store.hash,
        sizeBytes: store.sizeBytes,
      })
      for (const command of after) expect(applyAny(restored, command)).toEqual(applyAny(store, command))
      for (const request of ranges)
        expect(outcome(() => restored.range(request))).toEqual(outcome(() => store.range(request)))
      expect(restored.snapshot()).toEqual(store.snapshot())
    }),
  )
})

test('different writes make different hashes', () => {
  const hashOf = (...commands: (Command | SystemCommand)[]) => {
    const store = new Store()
    for (const command of commands) applyAny(store, command)
    return store.hash
  }
  const command = (client: number, request: Command['request']) => ({
    clientId: clientId(client),
    seq: 1,
    acked: 0,
    request,
  })
  const leased = [command(1, grant(1)), command(2, put('a', '1', { lease: 1 }))]
  const hashes = [
    hashOf(),
    hashOf(command(1, put('a', '1'))),
    hashOf(command(1, put('a', '2'))),
    hashOf(command(1, put('a1', ''))),
    hashOf(command(2, put('a', '1'))),
    hashOf(command(1, del('a'))),
    hashOf(command(1, put('a', '', { ignoreValue: true }))),
    hashOf(command(1, put('a', '1')), command(2, put('b', '1'))),
    hashOf(command(2, put('b', '1')), command(1, put('a', '1'))),
    hashOf(command(1, grant(1))),
    hashOf(command(1, grant(2))),
    hashOf(command(1, grant(1, 61))),
    hashOf(...leased),
    hashOf(...leased, command(3, keepAlive(1))),
    hashOf(...leased, command(3, revoke(1))),
    hashOf(...leased, command(3, del('a'))),
    hashOf(...leased, expire(1, 1)),
    hashOf(...leased, checkpoint(1, 1, 5)),
    hashOf(...leased, checkpoint(1, 1, 6)),
    hashOf(...leased, system({ op: 'compact', revision: 1 })),
    hashOf(...leased, system({ op: 'compact', revision: 2 })),
    hashOf(...leased, command(3, compact(2))),
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
})

describe('a damaged snapshot', () => {
  test('is a DecodeError wherever it is cut or changed, and leaves the store as it was', () => {
    const snapshot = sampleStore().snapshot()
    const store = sampleStore()
    for (let at = 0; at < snapshot.length; at++) {
      expect(() => store.install(snapshot.subarray(0, at))).toThrow(DecodeError)
      const changed = snapshot.slice()
      changed[at] = (changed[at] ?? 0) ^ 0x10
      expect(() => store.install(changed)).toThrow(DecodeError)
    }
    expect(store.snapshot()).toEqual(snapshot)
  })

  test('is a DecodeError even if the checksum is right', () => {
    const snapshot = sampleStore().snapshot()
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const body = snapshot.slice(0, -4)
        const position = at % body.length
        body[position] = (body[position] ?? 0) ^ change
        const writer = new BinaryWriter(snapshot.length)
        writer.raw(body)
        writer.uint32(mixBytes(HASH_SEED, body))
        const forged = writer.finish()
        try {
          // If it is a state after all, it is one that can be saved again.
          expect(Store.restore(forged).snapshot()).toEqual(forged)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('of another format is refused by name', () => {
    const snapshot = sampleStore().snapshot()
    snapshot[0] = 1
    expect(() => Store.restore(snapshot)).toThrow('unknown snapshot format')
    expect(() => Store.restore(new Uint8Array(0))).toThrow(DecodeError)
  })
})

function outcome(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return (error as Error).message
  }
}
