import { storeError } from './errors.ts'
import type { StoreOptions } from './limits.ts'
import type { Command, CommandResult, KeyValue, ResponseOp, WriteResponse } from './types.ts'

/** One client, as remembered. */
export interface SessionState {
  readonly clientId: string
  /** The last write applied. */
  readonly lastSeq: number
  /** Results of the last writes, in `seq` order up to `lastSeq`. */
  readonly results: ReadonlyMap<number, CommandResult>
}

type Bounds = Pick<
  StoreOptions,
  'sessionsMax' | 'rememberedResultsMax' | 'rememberedBytesPerClientMax' | 'rememberedBytesMax'
>

/**
 * Makes each client's writes happen in order and exactly once, however often and in whatever order they reach the log
 * (Raft thesis, section 6.3). All of it is a function of the log: who is forgotten and when is the same everywhere.
 */
export class Sessions {
  readonly #bounds: Bounds
  /** From the least to the most recently active. */
  readonly #sessions = new Map<string, Session>()
  /** Those with results, in the same order. */
  readonly #remembering = new Map<string, Session>()
  #rememberedBytes = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /**
   * Runs `execute` if this is the client's next write, and remembers what it returns. A repeated write returns what it
   * returned the first time. `GAP`, `SESSION_EXPIRED` and `RESULT_FORGOTTEN` are refusals without effect.
   */
  once(command: Command, execute: () => CommandResult): CommandResult {
    const { clientId, seq, acked } = command
    let session = this.#sessions.get(clientId)
    if (session === undefined) {
      // Whoever has the result of an earlier write was known once. Whoever has none may still send its first.
      if (seq !== 1) return refusal(acked > 0 ? 'SESSION_EXPIRED' : 'GAP')
      session = new Session(clientId, 0)
    }
    this.#touch(session)
    this.#forgetUpTo(session, acked)
    if (seq > session.lastSeq + 1) return refusal('GAP')
    if (seq <= session.lastSeq) return session.results.get(seq)?.result ?? refusal('RESULT_FORGOTTEN')
    const result = execute()
    session.lastSeq = seq
    this.#remember(session, seq, result)
    this.#enforceBounds(session)
    return result
  }

  resultOf(clientId: string, seq: number): CommandResult | 'unknown' | 'forgotten' {
    const session = this.#sessions.get(clientId)
    if (session === undefined || seq > session.lastSeq) return 'unknown'
    return session.results.get(seq)?.result ?? 'forgotten'
  }

  /** From the least to the most recently active. */
  *states(): Generator<SessionState> {
    for (const { clientId, lastSeq, results } of this.#sessions.values()) {
      yield { clientId, lastSeq, results: new Map([...results].map(([seq, { result }]) => [seq, result])) }
    }
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Adds the most recently active session. Throws `RangeError` if it cannot be one. */
  restore(state: SessionState): void {
    if (this.#sessions.has(state.clientId)) throw new RangeError('session given twice')
    const session = new Session(state.clientId, state.lastSeq)
    this.#touch(session)
    let previous = 0
    for (const [seq, result] of state.results) {
      if (seq <= previous || seq > state.lastSeq) throw new RangeError('results out of order')
      previous = seq
      this.#remember(session, seq, result)
    }
  }

  #touch(session: Session): void {
    this.#sessions.delete(session.clientId)
    this.#sessions.set(session.clientId, session)
    if (this.#remembering.delete(session.clientId)) this.#remembering.set(session.clientId, session)
  }

  #remember(session: Session, seq: number, result: CommandResult): void {
    const bytes = resultBytes(result)
    session.results.set(seq, { result, bytes })
    session.bytes += bytes
    this.#rememberedBytes += bytes
    this.#remembering.set(session.clientId, session)
  }

  #forgetUpTo(session: Session, acked: number): void {
    for (const seq of session.results.keys()) {
      if (seq > acked) break
      this.#forgetResult(session, seq)
    }
  }

  #forgetResult(session: Session, seq: number): void {
    const bytes = session.results.get(seq)?.bytes ?? 0
    session.results.delete(seq)
    session.bytes -= bytes
    this.#rememberedBytes -= bytes
    if (session.results.size === 0) this.#remembering.delete(session.clientId)
  }

  /** The result just given to `current` stays in any case: its repeat is the one to expect. */
  #enforceBounds(current: Session): void {
    const { sessionsMax, rememberedResultsMax, rememberedBytesPerClientMax, rememberedBytesMax } = this.#bounds
    for (const seq of current.results.keys()) {
      const within = current.results.size <= rememberedResultsMax && current.bytes <= rememberedBytesPerClientMax
      if (within || seq === current.lastSeq) break
      this.#forgetResult(current, seq)
    }
    for (const session of this.#remembering.values()) {
      if (this.#rememberedBytes <= rememberedBytesMax || session === current) break
      this.#forgetUpTo(session, session.lastSeq)
    }
    for (const session of this.#sessions.values()) {
      if (this.#sessions.size <= sessionsMax) break
      this.#forgetUpTo(session, session.lastSeq)
      this.#sessions.delete(session.clientId)
    }
  }
}

class Session {
  readonly clientId: string
  lastSeq: number
  /** In `seq` order. */
  readonly results = new Map<number, { readonly result: CommandResult; readonly bytes: number }>()
  bytes = 0

  constructor(clientId: string, lastSeq: number) {
    this.clientId = clientId
    this.lastSeq = lastSeq
  }
}

export function refusal(code: 'GAP' | 'SESSION_EXPIRED' | 'RESULT_FORGOTTEN'): CommandResult {
  return { ok: false, code, message: storeError(code).message }
}

/** What remembering a result, or a key-value or answer in it, counts for beside keys and values. */
const OVERHEAD_BYTES = 128

function resultBytes(result: CommandResult): number {
  return result.ok ? responseBytes(result.response) : OVERHEAD_BYTES
}

function responseBytes(response: WriteResponse | ResponseOp): number {
  switch (response.op) {
    case 'put':
      return OVERHEAD_BYTES + (response.prevKv === null ? 0 : kvsBytes([response.prevKv]))
    case 'delete':
      return OVERHEAD_BYTES + kvsBytes(response.prevKvs)
    case 'range':
      return OVERHEAD_BYTES + kvsBytes(response.kvs)
    case 'txn':
      return response.responses.reduce((bytes, inner) => bytes + responseBytes(inner), OVERHEAD_BYTES)
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      return OVERHEAD_BYTES
  }
}

function kvsBytes(kvs: readonly KeyValue[]): number {
  let bytes = 0
  for (const kv of kvs) bytes += OVERHEAD_BYTES + kv.key.length + kv.value.length
  return bytes
}
