import { Connection } from '../../../src/client/connection.ts'
import { emptyState, foundingWrite } from '../../../src/replica/founding.ts'
import { Replica } from '../../../src/replica/replica.ts'
import type { Input } from '../../../src/replica/types.ts'
import type { FromHost, ToHost } from '../../../src/worker/protocol.ts'

type Turn = Extract<FromHost, { type: 'turn' }>

/** A real member, alone in its cluster, whose disk is as fast as memory: what the client says must mean something to it. */
export class LoneMember {
  readonly connection = new Connection()
  readonly #replica = new Replica({
    member: 7,
    recovered: { ...emptyState, hardState: { term: 1, vote: 0, commit: 1 }, snapshot: foundingWrite(7).install },
    random: () => 0.5,
  })
  #inputs: Input[] = []

  constructor() {
    this.connection.attach(message => this.#take(message))
    this.#schedule()
  }

  #take(message: ToHost): void {
    const copy = structuredClone(message)
    if (copy.type === 'requests') this.#inputs.push(...copy.requests.map(r => ({ kind: 'request', ...r }) as const))
    if (copy.type === 'cancel') this.#inputs.push(...copy.ids.map(id => ({ kind: 'cancel', id }) as const))
    if (copy.type === 'credit') this.#inputs.push({ kind: 'credit', id: copy.id, batches: copy.batches })
    if (copy.type === 'progress') this.#inputs.push({ kind: 'progress', id: copy.id })
    this.#schedule()
  }

  #schedule(): void {
    queueMicrotask(() => this.#turn())
  }

  #turn(): void {
    const inputs = this.#inputs
    this.#inputs = []
    const responses: Turn['responses'][number][] = []
    const notifications: Turn['notifications'][number][] = []
    for (const output of this.#replica.handle(inputs)) {
      if (output.kind === 'persist') this.#inputs.push({ kind: 'walDone', id: output.id })
      if (output.kind === 'stage') this.#inputs.push({ kind: 'staged', id: output.id })
      if (output.kind === 'respond') responses.push({ id: output.id, response: output.response })
      if (output.kind === 'notify') notifications.push({ id: output.id, notification: output.notification })
    }
    if (this.#inputs.length > 0) this.#schedule()
    this.connection.receive(structuredClone({ type: 'turn', responses, notifications }))
  }
}
