import { Connection } from '../../../src/client/connection.ts'
import { FlotillaError } from '../../../src/client/errors.ts'
import type {
  RangeResponse,
  ReadResponse,
  KeyValue as StoredKeyValue,
  WriteResponse,
} from '../../../src/store/types.ts'
import type { DataControl } from '../../../src/worker/data-protocol.ts'
import type { FromHost, HostErrorCode, HostStatus, ToHost } from '../../../src/worker/protocol.ts'

type Posted<K extends ToHost['type']> = Extract<ToHost, { type: K }>
type Turn = Extract<FromHost, { type: 'turn' }>
type Sent = Posted<'requests'>['requests'][number]
type Refusal = Extract<Turn['responses'][number]['response'], { ok: false }>

/** The worker's end of the data port: remembers what the page posted and answers as the test says. */
export class FakeHost {
  readonly posted: ToHost[] = []
  readonly connection: Connection

  /** Of a new connection, or of one that had another worker before. */
  constructor(connection: Connection = new Connection()) {
    this.connection = connection
    connection.attach(message => this.posted.push(message))
  }

  messages<K extends ToHost['type']>(type: K): Posted<K>[] {
    return this.posted.filter((message): message is Posted<K> => message.type === type)
  }

  get requests(): Sent[] {
    return this.messages('requests').flatMap(({ requests }) => requests)
  }

  get commands() {
    return this.requests.flatMap(({ id, request }) => (request.kind === 'write' ? [{ id, ...request.command }] : []))
  }

  last(): Sent {
    const sent = this.requests.at(-1)
    if (sent === undefined) throw new Error('nothing was sent')
    return sent
  }

  respond(id: number, response: WriteResponse | ReadResponse): void {
    this.turn({ responses: [{ id, response: { ok: true, response } }] })
  }

  refuse(id: number, code: Refusal['code'], outcome: Refusal['outcome'] = 'definite'): void {
    this.turn({ responses: [{ id, response: { ok: false, code, outcome, message: `refused: ${code}` } }] })
  }

  notify(id: number, notification: Turn['notifications'][number]['notification']): void {
    this.turn({ notifications: [{ id, notification }] })
  }

  turn({ responses = [], notifications = [] }: Partial<Turn>): void {
    this.connection.receive({ type: 'turn', responses, notifications })
  }

  fail(code: HostErrorCode): void {
    this.connection.fail(new FlotillaError(code, `failed: ${code}`))
  }
}

/** Lets what was asked for be sent: the connection sends at the end of the microtask. */
export async function sent(): Promise<void> {
  await Promise.resolve()
  await Promise.resolve()
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function storedKv(key: string, value: string, modRevision = 2, version = 1): StoredKeyValue {
  const createRevision = modRevision - version + 1
  return { key: bytes(key), value: bytes(value), createRevision, modRevision, version, lease: 0 }
}

export function rangeResponse(kvs: readonly StoredKeyValue[], revision = 5): RangeResponse {
  return { op: 'range', header: { revision }, kvs, more: false, count: kvs.length }
}

export function putResponse(revision: number): WriteResponse {
  return { op: 'put', header: { revision }, prevKv: null }
}

/** The error of a promise that must reject. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    value => {
      throw new Error(`resolved to ${JSON.stringify(value)}`)
    },
    error => error,
  )
}

export function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('did not throw')
}

export const aloneStatus: HostStatus = {
  replica: {
    member: 7,
    role: 'leader',
    term: 1,
    commit: 3,
    applied: 3,
    leader: 7,
    state: 'voter',
    quorum: true,
    revision: 1,
    members: [{ member: 7, state: 'voter', connected: true, position: null }],
    pendingWrites: 0,
  },
  adopted: [],
  links: [],
}

/** A worker that was asked for none of this. */
export const noData: DataControl = {
  exportData: async () => ({ ok: true, value: null }),
  leaveForGood: async () => ({ ok: true, value: null }),
  held: async () => ({ ok: true, value: [] }),
  erase: async () => ({ ok: true, value: null }),
  recover: async () => ({ ok: false, code: 'NOT_HELD', message: 'nothing is held' }),
}
