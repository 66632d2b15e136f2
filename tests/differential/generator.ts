import { Random } from '../sim/random.ts'
import { KvRequests } from './draw-kv.ts'
import { TxnRequests } from './draw-txn.ts'
import { drawMix, type Kind, type Mix } from './mix.ts'
import type { Operation } from './operations.ts'
import type { Message, UnaryMethod } from './protocol.ts'
import type { World } from './world.ts'

/** Leases of a run live longer than any run, so that none ends by itself. */
const ttlSecondsMin = 1_000
/** etcd's longest. */
const ttlSecondsMax = 9_000_000_000
const readsInARowMax = 8
const reads: ReadonlySet<Kind> = new Set(['range', 'timeToLive', 'leases'])

/** Draws the operations of a seed, one after the other. What they are depends on the seed and on the answers so far. */
export class Generator {
  readonly mix: Mix
  readonly #random: Random
  readonly #kv: KvRequests
  readonly #txns: TxnRequests
  /** Reads come in rows: those between two writes can be asked at once. */
  #row: { readonly kind: Kind; left: number } | null = null

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.mix = drawMix(this.#random)
    this.#kv = new KvRequests(this.#random, this.mix)
    this.#txns = new TxnRequests(this.#random, this.mix, this.#kv)
  }

  next(world: World): Operation {
    if (this.#row === null || this.#row.left === 0) {
      const kind = this.#random.weighted(this.mix.weights)
      this.#row = { kind, left: reads.has(kind) ? this.#random.integer(1, readsInARowMax) : 1 }
    }
    this.#row.left -= 1
    return this.#operation(this.#row.kind, world)
  }

  #operation(kind: Kind, world: World): Operation {
    switch (kind) {
      case 'range':
        return call('Range', this.#kv.range(world))
      case 'put':
        return call('Put', this.#kv.put(world))
      case 'delete':
        return call('DeleteRange', this.#kv.delete())
      case 'txn':
        return call('Txn', this.#txns.txn(world))
      case 'compact':
        return call('Compact', this.#kv.compact(world))
      case 'tooLarge':
        return call('Put', this.#kv.tooLarge())
      case 'grant':
        return call('LeaseGrant', { ID: this.#anyLease(), TTL: this.#ttlSeconds() })
      case 'shortGrant':
        return this.#shortGrant()
      case 'revoke':
        return call('LeaseRevoke', { ID: this.#lease(world) })
      case 'keepAlive':
        return { kind: 'keepAlive', request: { ID: this.#lease(world) } }
      case 'timeToLive':
        return call('LeaseTimeToLive', { ID: this.#lease(world), ...(this.#random.chance(0.6) ? { keys: true } : {}) })
      case 'leases':
        return call('LeaseLeases', {})
      case 'watch':
        return this.#watch(world)
      case 'cancelWatch':
        return this.#cancelWatch(world)
      case 'progress':
        return { kind: 'progress', stream: this.#stream() }
      case 'endStream':
        return { kind: 'endStream', stream: this.#stream() }
    }
  }

  #ttlSeconds(): number {
    if (this.#random.chance(0.85)) return ttlSecondsMin + this.#random.integer(0, 100_000)
    return this.#random.pick([ttlSecondsMax, ttlSecondsMax + 1, Number.MAX_SAFE_INTEGER])
  }

  /** A lease shorter than etcd allows gets its least: seconds. It is revoked at once, before it can end by itself. */
  #shortGrant(): Operation {
    const ID = this.#anyLease()
    const TTL = this.#random.pick([0, 1, 2, -1, -1_000, Number.MIN_SAFE_INTEGER])
    return {
      kind: 'calls',
      calls: [
        { method: 'LeaseGrant', request: { ID, TTL } },
        { method: 'LeaseRevoke', request: { ID } },
      ],
    }
  }

  #anyLease(): number {
    return this.#random.pick(this.mix.leases) ?? 1
  }

  #lease({ leases }: World): number {
    const present = this.#random.chance(0.8) ? this.#random.pick([...leases]) : undefined
    return present ?? this.#anyLease()
  }

  #stream(): number {
    return this.#random.integer(0, this.mix.streams - 1)
  }

  #watch(world: World): Operation {
    const stream = this.#stream()
    const there = world.watches.filter(watch => watch.stream === stream)
    if (there.length >= this.mix.watchesPerStreamMax) return this.#cancelWatch(world)
    const filters = this.#random.pick([[], [], [], [0], [1], [0, 1], [1, 1]])
    const id = this.#random.chance(0.2) ? this.#random.integer(1, 12) : 0
    const request: Message = {
      ...this.#kv.keys(),
      ...this.#from(world),
      ...(this.#random.chance(0.5) ? { prev_kv: true } : {}),
      ...(filters.length > 0 ? { filters } : {}),
      ...(id > 0 ? { watch_id: id } : {}),
      ...(this.#random.chance(0.1) ? { fragment: true } : {}),
      ...(this.#random.chance(0.1) ? { progress_notify: true } : {}),
    }
    return { kind: 'watch', stream, request }
  }

  #from(world: World): Message {
    const { revision, compactRevision } = world
    const kind = this.#random.next()
    if (kind < 0.45) return {}
    if (kind < 0.55) return { start_revision: revision + this.#random.integer(0, 5) }
    if (kind < 0.6) return { start_revision: this.#random.pick([revision + 1_000, Number.MAX_SAFE_INTEGER]) }
    if (kind < 0.7 && compactRevision > 0)
      return { start_revision: this.#random.pick([1, -1, compactRevision - 1]) || 1 }
    const past = kind < 0.9 ? revision - this.#random.integer(0, 50) : this.#random.integer(1, revision)
    return { start_revision: withoutTombstones(Math.max(1, past), world) }
  }

  #cancelWatch({ watches }: World): Operation {
    const stream = this.#stream()
    const there = watches.filter(watch => watch.stream === stream)
    const known = this.#random.chance(0.85) ? this.#random.pick(there) : undefined
    return { kind: 'cancelWatch', stream, watchId: known?.watchId ?? this.#random.integer(0, 15) }
  }
}

/**
 * A watch may begin at the very revision that was compacted. But etcd before 3.4.34 then loses the deletions of that revision,
 * sooner or later, as the compaction goes on in the background (etcd issue 18089): nothing to compare with.
 */
function withoutTombstones(start: number, { compactRevision, deletesAt }: World): number {
  return start === compactRevision && deletesAt(compactRevision) ? start + 1 : start
}

function call(method: UnaryMethod, request: Message): Operation {
  return { kind: 'calls', calls: [{ method, request }] }
}
