import type { Header, Revision } from '../store/types.ts'
import { modRevision } from './compare.ts'
import { FlotillaError } from './errors.ts'
import type { KeyValue } from './keyspace.ts'
import type { Abortable, Consistency, Namespace } from './namespace.ts'
import { put } from './operations.ts'
import type { Key } from './range.ts'
import type { Readable } from './readable.ts'

export interface ConfigView<T> {
  /** Null if there is none, or as long as it was not read. */
  readonly current: KeyValue<T> | null
  /** The revision this shows; 0 until it was first read. */
  readonly revision: Revision
  /** Why it is no longer kept up to date. */
  readonly error: FlotillaError | null
}

export interface ConfigChangeOptions extends Abortable {
  /** Only if this is still the `modRevision` of what is there, 0 if nothing is. */
  readonly ifModRevision?: Revision
}

/** That it was changed by somebody else is a value, not an error. */
export type ConfigChange = { readonly succeeded: boolean; readonly header: Header }

/** One key whose past counts. Follows Svelte's store contract, with its current value. */
export class Config<T> implements Readable<ConfigView<T>> {
  readonly #namespace: Namespace<T>
  readonly #key: Key

  /** By `config()` of a database or namespace. */
  constructor(namespace: Namespace<T>, key: Key) {
    this.#namespace = namespace
    this.#key = key
  }

  subscribe(run: (value: ConfigView<T>) => void): () => void {
    const live = this.#namespace.live({ key: this.#key })
    return live.subscribe(({ items, revision, error }) => run({ current: items[0] ?? null, revision, error }))
  }

  get(options: Consistency & Abortable = {}): Promise<KeyValue<T> | null> {
    return this.#namespace.get(this.#key, options)
  }

  async set(value: T, options: ConfigChangeOptions = {}): Promise<ConfigChange> {
    const { ifModRevision } = options
    const guards = ifModRevision === undefined ? [] : [modRevision(this.#key).eq(ifModRevision)]
    const { succeeded, header } = await this.#namespace
      .txn()
      .if(...guards)
      .then(put(this.#key, value))
      .commit(options)
    return { succeeded, header }
  }

  /** What it was set to, the latest first: back to when it was created, or as far as revisions are kept. */
  async *history(options: Consistency & Abortable = {}): AsyncGenerator<KeyValue<T>, void, undefined> {
    let kv = await this.get(options)
    while (kv !== null) {
      yield kv
      kv = kv.version === 1 ? null : await this.#at(kv.modRevision - 1, options)
    }
  }

  /**
   * Sets it to what it was at a revision; only if nobody changes it meanwhile, or has since `ifModRevision`. Errors:
   * `COMPACTED`, `FUTURE_REVISION`, and `KEY_NOT_FOUND` if there was no value then.
   */
  async rollback(revision: Revision, options: ConfigChangeOptions = {}): Promise<ConfigChange> {
    const [now, then] = await Promise.all([this.get(options), this.#namespace.get(this.#key, { ...options, revision })])
    if (then === null) throw new FlotillaError('KEY_NOT_FOUND', `There was no value at revision ${revision}.`)
    const ifModRevision = options.ifModRevision ?? now?.modRevision ?? 0
    return this.set(then.value, { ...options, ifModRevision })
  }

  async #at(revision: Revision, options: Consistency & Abortable): Promise<KeyValue<T> | null> {
    try {
      return await this.#namespace.get(this.#key, { ...options, revision })
    } catch (error) {
      if (error instanceof FlotillaError && error.code === 'COMPACTED') return null
      throw error
    }
  }
}
