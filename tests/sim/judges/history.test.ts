import { describe, expect, test } from 'vitest'
import type { ClientResponse } from '../../../src/replica/types.ts'
import type { KeyValue, RequestOp, ResponseOp, WriteRequest } from '../../../src/store/types.ts'
import { bytes, deletion, oneKey, prefixed, put, putIfUnchanged, range } from '../clients/requests.ts'
import { mutants } from '../mutants/mutants.ts'
import { runSeed } from '../run.ts'
import { Schedule } from '../schedule.ts'
import { History } from './history.ts'
import { Promises } from './promises.ts'
import type { Version } from './versions.ts'

/** A history by hand. The log knows nothing but what a test tells it, so nothing here goes by revisions. */
class Scene {
  readonly changes: Version[] = []
  readonly history = new History(new Schedule(), { changes: this.changes, answerTo: () => null })
  #clients = 0

  /** Each write is another client's. */
  begin(request: WriteRequest) {
    this.#clients += 1
    return this.history.writes({ clientId: `client${this.#clients}`, seq: 1, acked: 0, request })
  }

  write(request: WriteRequest, response: ClientResponse): void {
    this.history.answered(this.begin(request), response)
  }

  put(key: string, value: string): void {
    this.write(put(key, value), ok({ op: 'put', header, prevKv: null }))
  }

  read(key: string, ...values: string[]): void {
    const kvs = values.map(value => kv(key, value))
    this.history.answered(this.history.reads(range(oneKey(key))), ok(shown(kvs)))
  }

  readAll(...kvs: KeyValue[]): void {
    this.history.answered(this.history.reads(range(prefixed(''))), ok(shown(kvs)))
  }

  /** The log says which revision a value got. */
  commit(key: string, value: string, mod: number, lease = 0): void {
    this.changes.push({ key, value, create: mod, mod, version: 1, lease })
  }

  get isGood(): boolean {
    try {
      this.history.judge()
    } catch {
      return false
    }
    expect(this.history.isUndecided).toBe(false)
    return true
  }
}

const header = { revision: 1 }

function ok(response: ResponseOp | { op: 'leaseRevoke'; header: typeof header }): ClientResponse {
  return { ok: true, response }
}

function kv(key: string, value: string): KeyValue {
  return { key: bytes(key), value: bytes(value), createRevision: 1, modRevision: 1, version: 1, lease: 0 }
}

function shown(kvs: KeyValue[]): ResponseOp {
  return { op: 'range', header, kvs, more: false, count: kvs.length }
}

function txn(success: RequestOp[]): WriteRequest {
  return { op: 'txn', compare: [], success, failure: [] }
}

function succeeded(...responses: ResponseOp[]): ClientResponse {
  return ok({ op: 'txn', header, succeeded: true, responses })
}

const done: ResponseOp = { op: 'put', header, prevKv: null }

describe('a history by hand', () => {
  test('reads show the last write, and that one for good', () => {
    const scene = new Scene()
    scene.put('a', '1')
    scene.read('a', '1')
    scene.put('a', '2')
    scene.read('a', '2')
    expect(scene.isGood).toBe(true)
    scene.read('a', '1')
    expect(scene.isGood).toBe(false)
  })

  test('what shows the state before a write that was over is stale', () => {
    const scene = new Scene()
    scene.put('a', '1')
    scene.read('a')
    expect(scene.isGood).toBe(false)
  })

  test('a write that nobody heard of may show up, late too, and once', () => {
    const scene = new Scene()
    scene.begin(put('a', 'lost'))
    scene.put('a', '1')
    scene.read('a', '1')
    scene.read('a', 'lost')
    expect(scene.isGood).toBe(true)
    scene.put('a', '2')
    scene.read('a', 'lost')
    expect(scene.isGood).toBe(false)
  })

  test('a write that was refused did not happen', () => {
    const scene = new Scene()
    const refusal = { ok: false, code: 'LEASE_NOT_FOUND', message: '', outcome: 'definite' } as const
    scene.write(put('a', '1'), refusal)
    scene.read('a')
    expect(scene.isGood).toBe(true)
    scene.read('a', '1')
    expect(scene.isGood).toBe(false)
  })

  test('of two writes with the same guard only one succeeds, or an update was lost', () => {
    const scene = new Scene()
    scene.put('a', '1')
    scene.commit('a', '1', 7)
    scene.write(putIfUnchanged('a', 7, '2'), succeeded({ op: 'put', header, prevKv: kv('a', '1') }))
    expect(scene.isGood).toBe(true)
    scene.write(putIfUnchanged('a', 7, '3'), succeeded({ op: 'put', header, prevKv: kv('a', '1') }))
    expect(scene.isGood).toBe(false)
  })

  test('a guard that did not hold says so of the state, too', () => {
    const scene = new Scene()
    scene.put('a', '1')
    scene.commit('a', '1', 7)
    const failed = ok({ op: 'txn', header, succeeded: false, responses: [shown([kv('a', '1')])] })
    scene.write(putIfUnchanged('a', 6, '2'), failed)
    expect(scene.isGood).toBe(true)
    scene.write(putIfUnchanged('a', 7, '3'), failed)
    expect(scene.isGood).toBe(false)
  })

  test('a transaction is seen whole or not at all', () => {
    const scene = new Scene()
    const both = scene.begin(txn([put('a', '1'), put('b', '1')]))
    scene.readAll()
    scene.readAll(kv('a', '1'), kv('b', '1'))
    scene.history.answered(both, succeeded(done, done))
    expect(scene.isGood).toBe(true)
    const dirty = new Scene()
    dirty.begin(txn([put('a', '1'), put('b', '1')]))
    dirty.readAll(kv('a', '1'))
    expect(dirty.isGood).toBe(false)
  })

  test('all see the writes to several keys in one order', () => {
    const scene = new Scene()
    const writes = [scene.begin(put('a', '1')), scene.begin(put('b', '1'))]
    scene.readAll(kv('a', '1'))
    const other = scene.history.reads(range(prefixed('')))
    for (const write of writes) scene.history.answered(write, ok(done))
    scene.history.answered(other, ok(shown([kv('a', '1'), kv('b', '1')])))
    expect(scene.isGood).toBe(true)
    const split = new Scene()
    const [a, b] = [split.begin(put('a', '1')), split.begin(put('b', '1'))]
    split.readAll(kv('a', '1'))
    split.readAll(kv('b', '1'))
    split.history.answered(a, ok(done))
    split.history.answered(b, ok(done))
    expect(split.isGood).toBe(false)
  })

  test('a deletion counts what there is', () => {
    const scene = new Scene()
    scene.put('a', '1')
    scene.put('b', '1')
    scene.write(deletion(prefixed('')), ok({ op: 'delete', header, deleted: 2, prevKvs: [] }))
    scene.readAll()
    expect(scene.isGood).toBe(true)
    scene.write(deletion(prefixed('')), ok({ op: 'delete', header, deleted: 1, prevKvs: [] }))
    expect(scene.isGood).toBe(false)
  })

  test('a lease that ends takes its keys along, and no others', () => {
    const attached = () => {
      const scene = new Scene()
      scene.commit('a', '1', 2, 5)
      scene.write(put('a', '1', { lease: 5 }), ok(done))
      scene.put('b', '1')
      return scene
    }
    const revoked = attached()
    revoked.write({ op: 'leaseRevoke', lease: 5 }, ok({ op: 'leaseRevoke', header }))
    revoked.readAll(kv('b', '1'))
    expect(revoked.isGood).toBe(true)
    revoked.readAll()
    expect(revoked.isGood).toBe(false)
    const kept = attached()
    kept.readAll(kv('b', '1'))
    expect(kept.isGood).toBe(false)
    const ended = attached()
    ended.history.leaseEnded(5, 0, 3)
    ended.readAll(kv('b', '1'))
    expect(ended.isGood).toBe(true)
  })

  test('keys that one alone explains are judged alone, when all together are too many', () => {
    const scene = new Scene()
    const begun = Array.from({ length: 14 }, (_, i) => scene.begin(put(`key${i}`, `${i}`)))
    scene.put('a', '1')
    scene.put('a', '2')
    scene.readAll(kv('a', '1'))
    for (const write of begun) scene.history.answered(write, ok(done))
    expect(() => scene.history.judge(100)).toThrow('histories are linearizable: of a, nothing explains range')
  })
})

describe('a whole run', () => {
  test('in which reads are not of the present is found out by its history alone', { timeout: 120_000 }, () => {
    const mutant = mutants.find(({ name }) => name.includes('reads are answered from the local state'))
    if (mutant === undefined) throw new Error('the mutant has another name')
    const { readAnswered } = Promises.prototype
    // The other judge says nothing of reads.
    Promises.prototype.readAnswered = (_request, _response, _moment, seen) => seen
    try {
      let seed = 1
      const invariantOf = () => runSeed(seed, { mutant }).failure?.invariant
      while (seed < seedsMax && invariantOf() !== 'histories are linearizable') seed += 1
      expect(seed).toBeLessThan(seedsMax)
    } finally {
      Promises.prototype.readAnswered = readAnswered
    }
  })
})

const seedsMax = 100
