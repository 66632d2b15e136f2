import { describe, expect, test } from 'vitest'
import type { ClientResponse } from '../../../src/replica/types.ts'
import type { Command } from '../../../src/store/types.ts'
import { MemoryOutboxDisk } from '../../../src/wal/memory-outbox.ts'
import { Outbox, removalDelayMs, unansweredMsMax, writesInFlightMax } from '../../../src/worker/outbox.ts'
import type { FromHost } from '../../../src/worker/protocol.ts'
import { outboxEntry } from '../wal/outbox-contract.ts'

const mine = 'a'.repeat(32)
const other = 'b'.repeat(32)
const answer: ClientResponse = { ok: true, response: { op: 'put', header: { revision: 2 }, prevKv: null } }

/** One life of a page on a disk that outlives it; the replica's side is what was sent to it. */
class Life {
  readonly sent: { id: number; command: Command }[] = []
  readonly told: FromHost[] = []
  readonly failures: unknown[] = []
  readonly outbox: Outbox
  readonly disk: MemoryOutboxDisk
  now = 0
  #lastId = 0

  constructor(disk: MemoryOutboxDisk = new MemoryOutboxDisk()) {
    this.disk = disk
    this.outbox = new Outbox({
      store: disk.open(),
      now: () => this.now,
      nextId: () => --this.#lastId,
      send: (id, command) => this.sent.push({ id, command }),
      tell: message => this.told.push(message),
      onFailure: error => this.failures.push(error),
    })
  }

  ask(id: number, seq: number, client = mine): void {
    this.outbox.ask(id, outboxEntry(seq, client).command, seq)
  }

  get sentSeqs(): string[] {
    return this.sent.map(({ command: { clientId, seq } }) => `${clientId[0]}${seq}`)
  }

  /** Answers what was sent first and is not answered yet. */
  answerNext(response: ClientResponse = answer): number | null {
    const next = this.sent.shift()
    if (next === undefined) throw new Error('nothing to answer')
    return this.outbox.answered(next.id, response)
  }

  /** What the next life would find. */
  get kept(): string[] {
    return this.disk.open().recovered.map(({ command: { clientId, seq } }) => `${clientId[0]}${seq}`)
  }
}

/** Lets the disk finish. */
async function written(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await Promise.resolve()
}

test('with a quorum that answers, writes pass through and nothing is written down', async () => {
  const life = new Life()
  life.ask(1, 1)
  life.ask(2, 2)
  life.outbox.endTurn(true)
  expect(life.sentSeqs).toEqual(['a1', 'a2'])
  expect([life.answerNext(), life.answerNext()]).toEqual([1, 2])
  await written()
  expect(life.kept).toEqual([])
  expect(life.told).toEqual([])
})

describe('written down, all that is unanswered and in order, are writes', () => {
  test('that find no quorum', async () => {
    const life = new Life()
    life.ask(1, 1)
    life.outbox.endTurn(false)
    expect(life.told).toEqual([])
    await written()
    expect(life.kept).toEqual(['a1'])
    expect(life.told).toEqual([{ type: 'kept', ids: [1] }])
  })

  test('that were on their way when the quorum was lost', async () => {
    const life = new Life()
    for (const seq of [1, 2, 3]) life.ask(seq, seq)
    life.outbox.endTurn(true)
    life.answerNext()
    life.outbox.endTurn(false)
    await written()
    expect(life.kept).toEqual(['a2', 'a3'])
  })

  test('that a quorum leaves unanswered for long', async () => {
    const life = new Life()
    life.ask(1, 1)
    life.now = unansweredMsMax
    life.ask(2, 2)
    life.outbox.endTurn(true)
    await written()
    expect(life.kept).toEqual([])
    life.now += 1
    life.outbox.endTurn(true)
    await written()
    expect(life.kept).toEqual(['a1', 'a2'])
  })

  test('of a page that goes away', async () => {
    const life = new Life()
    life.ask(1, 1)
    await life.outbox.keepAll()
    expect(life.kept).toEqual(['a1'])
  })
})

test('what was answered is taken out, together, a little later', async () => {
  const life = new Life()
  for (const seq of [1, 2, 3]) life.ask(seq, seq)
  life.outbox.endTurn(false)
  await written()
  life.answerNext()
  life.now = removalDelayMs - 1
  life.answerNext()
  life.outbox.endTurn(true)
  await written()
  expect(life.kept).toEqual(['a1', 'a2', 'a3'])
  life.now = removalDelayMs
  life.outbox.endTurn(true)
  await written()
  expect(life.kept).toEqual(['a3'])
})

test('answered while it was being written down, it is neither told as kept nor left behind', async () => {
  const life = new Life()
  life.ask(1, 1)
  life.outbox.endTurn(false)
  life.answerNext()
  await written()
  expect(life.told).toEqual([])
  await life.outbox.keepAll()
  expect(life.kept).toEqual([])
})

describe('an earlier life', () => {
  async function earlier(...entries: readonly [string, number][]): Promise<MemoryOutboxDisk> {
    const disk = new MemoryOutboxDisk()
    await disk.open().change({ added: entries.map(([client, seq]) => outboxEntry(seq, client)), removed: [] })
    return disk
  }

  test('is told of, sent first, client by client, and the writes of the page come after', async () => {
    const life = new Life(await earlier([other, 4], [other, 5], ['c'.repeat(32), 1]))
    expect(life.told).toEqual([
      { type: 'outbox', entries: [outboxEntry(4, other), outboxEntry(5, other), outboxEntry(1, 'c'.repeat(32))] },
    ])
    life.ask(1, 1)
    expect(life.sentSeqs).toEqual(['b4', 'b5'])
    expect(life.answerNext()).toBeNull()
    expect(life.sentSeqs).toEqual(['b5'])
    life.answerNext()
    expect(life.sentSeqs).toEqual(['c1'])
    life.answerNext()
    expect(life.sentSeqs).toEqual(['a1'])
    expect(life.answerNext()).toBe(1)
    expect(life.told.slice(1)).toMatchObject([
      { type: 'settled', entry: outboxEntry(4, other), response: answer },
      { type: 'settled', entry: { command: { seq: 5 } } },
      { type: 'settled', entry: { command: { clientId: 'c'.repeat(32) } } },
    ])
    await life.outbox.keepAll()
    expect(life.kept).toEqual([])
  })

  test('whose page lives on and repeats its writes is answered there, once', async () => {
    const life = new Life(await earlier([mine, 1], [mine, 2]))
    life.ask(11, 1)
    life.ask(12, 2)
    life.ask(13, 3)
    expect(life.sentSeqs).toEqual(['a1', 'a2', 'a3'])
    expect(life.told.slice(1)).toEqual([
      { type: 'kept', ids: [11] },
      { type: 'kept', ids: [12] },
    ])
    expect([life.answerNext(), life.answerNext(), life.answerNext()]).toEqual([11, 12, 13])
    expect(life.told).toHaveLength(3)
  })

  test('does not repeat what its client said it had the result of', async () => {
    const disk = new MemoryOutboxDisk()
    const second = outboxEntry(2, other)
    const added = [outboxEntry(1, other), { ...second, command: { ...second.command, acked: 1 } }]
    await disk.open().change({ added, removed: [] })
    const life = new Life(disk)
    expect(life.sentSeqs).toEqual(['b2'])
    await life.outbox.keepAll()
    expect(life.kept).toEqual(['b2'])
  })

  test('tells what was answered in it: a write that was kept without the one before it', async () => {
    const life = new Life(await earlier([other, 4], [other, 5]))
    await life.outbox.adopt([outboxEntry(7, 'c'.repeat(32))])
    life.answerNext()
    expect(life.sent.map(({ command }) => command.acked)).toEqual([3])
    life.answerNext()
    expect(life.sent.map(({ command }) => command.acked)).toEqual([6])
  })

  test('that the cluster has forgotten may have had its way', async () => {
    const life = new Life(await earlier([other, 4]))
    life.answerNext({ ok: false, code: 'SESSION_EXPIRED', message: '', outcome: 'definite' })
    expect(life.told.at(-1)).toMatchObject({ type: 'settled', response: { outcome: 'unknown' } })
  })
})

test('what is taken over from another member is durable before it is said to be, and sent in its turn', async () => {
  const life = new Life()
  life.ask(1, 1)
  const adopted = life.outbox.adopt([outboxEntry(7, other)])
  expect(life.sentSeqs).toEqual(['a1'])
  await adopted
  expect(life.kept).toEqual(['a1', 'b7'])
  expect(life.told).toContainEqual({ type: 'outbox', entries: [outboxEntry(7, other)] })
  life.answerNext()
  expect(life.sentSeqs).toEqual(['b7'])
  await life.outbox.adopt([outboxEntry(7, other)])
  expect(life.sentSeqs).toEqual(['b7'])
})

test('what its client said it had the result of is not taken over', async () => {
  const life = new Life()
  const third = outboxEntry(3, other)
  const entries = [outboxEntry(1, other), outboxEntry(2, other), { ...third, command: { ...third.command, acked: 2 } }]
  await life.outbox.adopt(entries)
  expect(life.sent.map(({ command: { seq, acked } }) => [seq, acked])).toEqual([[3, 2]])
  expect(life.kept).toEqual(['b3'])
})

test('taken over once more, it is not said to be durable before it is', async () => {
  const life = new Life()
  const order: string[] = []
  const first = life.outbox.adopt([outboxEntry(7, other)]).then(() => order.push('first'))
  const second = life.outbox.adopt([outboxEntry(7, other)]).then(() => order.push('second'))
  await Promise.all([first, second])
  expect(order).toEqual(['first', 'second'])
  expect(life.sentSeqs).toEqual(['b7'])
})

test('no more are on their way than the store remembers results of', () => {
  const life = new Life()
  for (let seq = 1; seq <= writesInFlightMax + 2; seq += 1) life.ask(seq, seq)
  expect(life.sent).toHaveLength(writesInFlightMax)
  life.answerNext()
  expect(life.sent.at(-1)?.command.seq).toBe(writesInFlightMax + 1)
})

test('a disk that fails is told, and no write is said to be kept', async () => {
  const life = new Life()
  life.disk.fail()
  life.ask(1, 1)
  life.outbox.endTurn(false)
  await written()
  expect(life.failures).toMatchObject([{ code: 'FAILED' }])
  expect(life.told).toEqual([])
})
