import { get } from 'svelte/store'
import { beforeEach, describe, expect, test } from 'vitest'
import { findCard } from '../../../src/ui/board/model.ts'
import { Desk } from '../../../src/ui/desk.ts'
import { MemoryBoard } from './memory-board.ts'

let store: MemoryBoard
let desk: Desk

beforeEach(() => {
  store = new MemoryBoard()
  store.write('list/a', { title: 'To do', order: 'a1' })
  store.write('list/b', { title: 'Doing', order: 'b1' })
  for (const [index, text] of ['one', 'two', 'three'].entries()) {
    store.write(`card/${index + 1}`, { list: 'a', text, order: `${index + 1}1` })
  }
  desk = new Desk(store, () => 0.5)
})

const texts = (index: number) => get(desk.board).lists[index]?.cards.map(({ text }) => text)

function card(id: string) {
  const found = findCard(get(desk.board), id)
  if (!found) throw new Error(`no card ${id}`)
  return found
}

/** Until every write that was started is answered. */
async function settled(): Promise<void> {
  let stop = () => {}
  await new Promise<void>(resolve => {
    stop = desk.waiting.subscribe(waiting => {
      if (waiting === 0) resolve()
    })
  })
  stop()
}

describe('without a quorum', () => {
  test('a write is shown as waiting, and as done only once it is', async () => {
    store.held = true
    desk.addCard('b', 'new')
    expect(get(desk.waiting)).toBe(1)
    expect(get(desk.board).lists[1]?.cards[0]).toMatchObject({ text: 'new', pending: true, modRevision: 0 })
    store.release()
    await settled()
    expect(get(desk.board).lists[1]?.cards[0]).toMatchObject({ text: 'new', pending: false })
  })
})

describe('moving', () => {
  test.each([
    ['1', 2, ['two', 'three', 'one']],
    ['1', 1, ['two', 'one', 'three']],
    ['3', 0, ['three', 'one', 'two']],
    ['2', 99, ['one', 'three', 'two']],
  ])('card %s within its list to position %i', async (id, index, expected) => {
    desk.moveCard(id, { list: 'a', index })
    expect(texts(0)).toEqual(expected)
    await settled()
    expect(texts(0)).toEqual(expected)
  })

  test('to where it is writes nothing', () => {
    desk.moveCard('2', { list: 'a', index: 1 })
    expect([get(desk.waiting), store.commits]).toEqual([0, 0])
  })

  test('to another list says so to those who do not see it', async () => {
    desk.moveCard('2', { list: 'b', index: 0 })
    await settled()
    expect([texts(0), texts(1)]).toEqual([['one', 'three'], ['two']])
    expect(get(desk.announcement)).toBe('Moving to Doing, position 1 of 1.')
  })
})

describe('notices', () => {
  test('a clash shows both sides, and the choice is carried out', async () => {
    const seen = card('1')
    store.write('card/1', { list: 'a', text: 'theirs', order: '11' })
    desk.editCard(seen, 'mine')
    await settled()
    const [notice] = get(desk.notices)
    expect(notice?.quotes).toEqual([
      { by: 'Theirs', text: 'theirs' },
      { by: 'Yours', text: 'mine' },
    ])
    expect(texts(0)).toContain('theirs')
    notice?.actions.find(({ label }) => label === 'Use mine')?.run()
    await settled()
    expect(texts(0)).toContain('mine')
  })

  test('a card edited while someone deleted it is offered back', async () => {
    const seen = card('1')
    store.write('card/1', null)
    desk.editCard(seen, 'mine')
    await settled()
    expect(texts(0)).toEqual(['two', 'three'])
    get(desk.notices)[0]?.actions[0]?.run()
    await settled()
    expect(texts(0)).toEqual(['mine', 'two', 'three'])
  })

  test('a deletion can be undone', async () => {
    desk.deleteCard(card('2'))
    await settled()
    expect(texts(0)).toEqual(['one', 'three'])
    get(desk.notices)[0]?.actions[0]?.run()
    await settled()
    expect(texts(0)).toEqual(['one', 'two', 'three'])
  })

  test('what was typed is given back when it could not be saved, and the board shows what is true', async () => {
    store.failure = Object.assign(new Error('too large'), { code: 'REQUEST_TOO_LARGE', outcome: 'definite' })
    desk.addCard('a', 'a whole book')
    await settled()
    const [notice] = get(desk.notices)
    expect(notice).toMatchObject({ tone: 'error', quotes: [{ by: 'Your text', text: 'a whole book' }] })
    expect(notice?.title).toContain('1.5 MiB')
    expect(texts(0)).toEqual(['one', 'two', 'three'])
    desk.dismiss(notice?.id ?? 0)
    expect(get(desk.notices)).toEqual([])
  })

  test('an unknown outcome is not called a failure', async () => {
    store.failure = Object.assign(new Error('gone'), { code: 'UNAVAILABLE', outcome: 'unknown' })
    desk.addCard('a', 'perhaps')
    await settled()
    expect(get(desk.notices)[0]?.title).toMatch(/^Perhaps not saved/)
  })
})
