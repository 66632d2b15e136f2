import type { Random } from '../sim/random.ts'
import type { Mix } from './mix.ts'
import type { Message } from './protocol.ts'
import type { World } from './world.ts'

/** Draws requests of the KV service. */
export class KvRequests {
  readonly #random: Random
  readonly #mix: Mix

  constructor(random: Random, mix: Mix) {
    this.#random = random
    this.#mix = mix
  }

  range(world: World): Message {
    return {
      ...this.keys(),
      ...this.#option({ limit: this.#random.pick([1, 2, 3, 10, 1_000, -1]) }),
      ...this.#option({ revision: this.revision(world) }),
      ...this.#sorting(),
      ...this.#option({ serializable: true }),
      ...this.#option({ keys_only: true }),
      ...(this.#random.chance(this.#mix.optionChance / 2) ? { count_only: true } : {}),
      ...this.#bounds(world),
    }
  }

  put(world: World): Message {
    const ignoresValue = this.#random.chance(this.#mix.optionChance / 2)
    const ignoresLease = this.#random.chance(this.#mix.optionChance / 2)
    // Both at once is refused, and so is what is to be ignored and yet given.
    const givesAnyway = this.#isOdd()
    const hasLease = this.#random.chance(this.#mix.optionChance)
    return {
      key: this.#isOdd() ? nothing : this.key(),
      ...(ignoresValue && !givesAnyway ? {} : { value: this.value() }),
      ...(hasLease && (!ignoresLease || givesAnyway) ? { lease: this.leaseFor(world) } : {}),
      ...this.#option({ prev_kv: true }),
      ...(ignoresValue ? { ignore_value: true } : {}),
      ...(ignoresLease ? { ignore_lease: true } : {}),
    }
  }

  delete(): Message {
    return { ...this.keys(), ...this.#option({ prev_kv: true }) }
  }

  compact(world: World): Message {
    const { revision, compactRevision } = world
    const physical = this.#random.chance(0.3) ? { physical: true } : {}
    if (this.#random.chance(0.3)) {
      return {
        revision: this.#random.pick([compactRevision, compactRevision - 3, 0, -1, revision + 1, revision + 99]),
        ...physical,
      }
    }
    const newest = this.#random.chance(0.3) ? revision : Math.max(1, revision - this.#recent())
    return { revision: newest, ...physical }
  }

  /** Over the limit of a request, and at times over that of a message. */
  tooLarge(): Message {
    const bytes = this.#random.chance(0.9)
      ? this.#random.integer(1_580_000, 2_090_000)
      : this.#random.integer(2_100_000, 3_000_000)
    return { key: this.key(), value: Buffer.alloc(bytes, 'x'), ...this.#option({ prev_kv: true }) }
  }

  key(): Uint8Array {
    return this.#random.pick(this.#mix.keys) ?? nothing
  }

  /** Often one of few, so that values are equal at times. */
  value(): Uint8Array {
    const kind = this.#random.next()
    if (kind < 0.1) return nothing
    if (kind < 0.6) return Buffer.from(`v${this.#random.integer(0, 9)}`)
    if (kind < 0.7) return Buffer.from([this.#random.pick([0, 0xff]), this.#random.integer(0, 255)])
    return Buffer.alloc(this.#random.integer(1, this.#mix.valueBytesMax), this.#random.hex(8))
  }

  /** One key or a range, in each of the forms that the protocol knows. */
  keys(): { readonly key: Uint8Array; readonly range_end?: Uint8Array } {
    const key = this.key()
    const form = this.#random.next()
    if (this.#isOdd()) return this.#random.chance(0.5) ? { key: nothing } : { key: nothing, range_end: this.key() }
    if (form < 0.45) return { key }
    if (form < 0.65) return { key, range_end: endOfPrefix(key) }
    if (form < 0.92) {
      const other = this.key()
      const [low, high] = Buffer.compare(key, other) <= 0 ? [key, other] : [other, key]
      return this.#random.chance(0.9) ? { key: low, range_end: high } : { key: high, range_end: low }
    }
    return { key: form < 0.97 ? key : zero, range_end: zero }
  }

  /** Of now, the past, what is compacted, and what is still to come. */
  revision({ revision, compactRevision }: World): number {
    const kind = this.#random.next()
    if (kind < 0.5) return Math.max(1, revision - this.#recent())
    if (kind < 0.65) return this.#random.integer(1, revision)
    if (kind < 0.75) return revision
    if (kind < 0.85) return Math.max(0, compactRevision + this.#random.integer(-1, 1))
    if (kind < 0.95) return revision + this.#random.pick([1, 1, 2, 1_000])
    return this.#random.pick([-1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
  }

  /** Mostly of a lease that is there; a put with a missing one is refused. */
  leaseFor({ leases }: World): number {
    const present = this.#random.chance(0.85) ? this.#random.pick([...leases]) : undefined
    return present ?? this.#random.pick([...this.#mix.leases, 424_242, -1]) ?? 1
  }

  /** A number that is mostly small. */
  #recent(): number {
    return Math.floor(200 * this.#random.next() ** 4)
  }

  /** Only what the protocol has: etcd 3.4 dies of a sort target that it does not know. */
  #sorting(): Message {
    if (!this.#random.chance(this.#mix.optionChance)) return {}
    return { sort_target: this.#random.integer(0, 4), sort_order: this.#random.integer(0, 2) }
  }

  #bounds({ revision }: World): Message {
    const near = () => (this.#isOdd() ? -1 : Math.max(0, revision - this.#random.integer(-2, 40)))
    if (!this.#random.chance(this.#mix.optionChance)) return {}
    return {
      ...this.#option({ min_mod_revision: near() }),
      ...this.#option({ max_mod_revision: near() }),
      ...this.#option({ min_create_revision: near() }),
      ...this.#option({ max_create_revision: near() }),
    }
  }

  #option(fields: Message): Message {
    return this.#random.chance(this.#mix.optionChance) ? fields : {}
  }

  #isOdd(): boolean {
    return this.#random.chance(this.#mix.oddChance)
  }
}

/** The first key after all that begin with `prefix`: its last byte that can be, incremented. If none can, there is no end. */
function endOfPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1
  if (length === 0) return zero
  const end = Uint8Array.from(prefix.subarray(0, length))
  end[length - 1] = (end[length - 1] ?? 0) + 1
  return end
}

const nothing = new Uint8Array(0)
const zero = new Uint8Array(1)
