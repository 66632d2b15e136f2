import { get } from 'svelte/store'
import { beforeEach, describe, expect, test } from 'vitest'
import { type BoardValue, findCard } from '../../../src/ui/board/model.ts'
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

function choose(label: string): void {
  const action = get(desk.notices)[0]?.actions.find(action => action.label === label)
  if (action?.kind !== 'do') throw new Error(`no action ${label}`)
  action.run()
}

/** Until every write that was started is answered. */
async function settled(): Promise<void> {
  let stop = () => {}
  await new Promise<void>(resolve => {
    stop = desk.waiting.subscribe(waiting => {
      if (waiting.writes === 0) resolve()
    })
  })
  stop()
}

describe('without a quorum', () => {
  test('a write is shown as waiting, and as done only once it is', async () => {
    store.held = true
    desk.addCard('b', 'new')
    expect(get(desk.waiting)).toEqual({ writes: 1, kept: 1 })
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
    expect([get(desk.waiting).writes, store.commits]).toEqual([0, 0])
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
    choose('Use mine')
    await settled()
    expect(texts(0)).toContain('mine')
  })

  test('a card edited while someone deleted it is offered back', async () => {
    const seen = card('1')
    store.write('card/1', null)
    desk.editCard(seen, 'mine')
    await settled()
    expect(texts(0)).toEqual(['two', 'three'])
    choose('Put it back')
    await settled()
    expect(texts(0)).toEqual(['mine', 'two', 'three'])
  })

  test('a deletion can be undone', async () => {
    desk.deleteCard(card('2'))
    await settled()
    expect(texts(0)).toEqual(['one', 'three'])
    choose('Undo')
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

describe('while a card is edited here', () => {
  test('someone who moves it takes the draft along; someone who deletes it does not take the words', async () => {
    desk.beginEditing(card('1'))
    desk.draft('half a sent')
    store.write('card/1', { list: 'b', text: 'one', order: 'z1' })
    expect(get(desk.editing)?.draft).toBe('half a sent')
    store.write('card/1', null)
    await settled()
    expect(get(desk.editing)).toBeNull()
    expect(get(desk.notices)[0]).toMatchObject({ tone: 'clash', quotes: [{ by: 'Yours', text: 'half a sent' }] })
  })

  test('a draft that differs from what was seen is judged by what was seen, not by what came meanwhile', async () => {
    desk.beginEditing(card('1'))
    desk.draft('mine')
    store.write('card/1', { list: 'a', text: 'theirs', order: '11' })
    desk.finishEditing()
    await settled()
    expect(get(desk.notices)[0]?.quotes.map(({ text }) => text)).toEqual(['theirs', 'mine'])
    expect(texts(0)).toContain('theirs')
  })

  test('a draft that was not changed, or is empty, writes nothing', () => {
    desk.beginEditing(card('1'))
    desk.finishEditing()
    desk.beginEditing(card('1'))
    desk.draft('  ')
    desk.finishEditing()
    expect(store.commits).toBe(0)
  })
})

test('however much is news, no notice that holds words goes by itself', async () => {
  const seen = card('1')
  store.write('card/1', null)
  desk.editCard(seen, 'my words')
  await settled()
  for (const [index] of Array.from({ length: 6 }).entries()) {
    store.write(`card/n${index}`, { list: 'a', text: 'x', order: `x${index}1` })
    desk.deleteCard(card(`n${index}`))
    await settled()
  }
  const notices = get(desk.notices)
  expect(notices.filter(({ tone }) => tone === 'info')).toHaveLength(4)
  expect(notices[0]?.quotes).toEqual([{ by: 'Yours', text: 'my words' }])
  expect(get(desk.atRisk)).toBe(true)
})

describe('writes of an earlier life', () => {
  const edit = (text: string, modRevision: number, more: Partial<{ list: string; order: string }> = {}) => ({
    guards: [{ kind: 'unchanged', key: 'card/1', modRevision } as const],
    writes: [{ kind: 'put', key: 'card/1', value: { list: 'a', order: '11', text, ...more } } as const],
  })
  const put = (key: string, value: BoardValue) => [{ kind: 'put', key, value } as const]
  /** Until the notice, or what the board shows, is there. */
  const noticed = () => new Promise<void>(resolve => desk.notices.subscribe(notices => notices[0] && resolve()))

  test('are shown as waiting, and are safe', () => {
    store.unanswered.set([{ ...edit('from before', card('1').modRevision), kept: true, earlier: true }])
    expect(card('1')).toMatchObject({ text: 'from before', pending: true })
    expect(get(desk.waiting)).toEqual({ writes: 1, kept: 1 })
    expect(get(desk.atRisk)).toBe(false)
  })

  test('that a guard refused are told with both texts, and can still be used', async () => {
    const { modRevision } = card('1')
    store.write('card/1', { list: 'a', text: 'theirs', order: '11' })
    store.settle(edit('from before', modRevision))
    await noticed()
    expect(get(desk.notices)[0]).toMatchObject({
      context: expect.stringContaining('before this page was loaded'),
      quotes: [
        { by: 'Theirs', text: 'theirs' },
        { by: 'Yours', text: 'from before' },
      ],
    })
    choose('Use mine')
    await settled()
    expect(texts(0)).toContain('from before')
  })

  test('that someone only got in the way of are merged, without a word', async () => {
    const { modRevision } = card('1')
    store.write('card/1', { list: 'b', text: 'one', order: 'z1' })
    store.settle(edit('from before', modRevision))
    await expect.poll(() => texts(1)).toEqual(['from before'])
    expect(get(desk.notices)).toEqual([])
  })

  test('with what they were made against forgotten, nothing is merged unseen', async () => {
    const { modRevision } = card('1')
    store.write('card/1', { list: 'b', text: 'one', order: 'z1' })
    store.compacted = store.revision
    store.settle(edit('from before', modRevision))
    await noticed()
    expect(get(desk.notices)[0]?.quotes.map(({ text }) => text)).toEqual(['one', 'from before'])
  })

  test('two of one card are one after the other, and no conflict with oneself', async () => {
    const { modRevision } = card('1')
    store.settle(edit('first', modRevision))
    store.settle(edit('second', modRevision))
    await expect.poll(() => texts(0)).toContain('second')
    expect(get(desk.notices)).toEqual([])
  })

  test('a move that meets a new text keeps the new text', async () => {
    const { modRevision } = card('1')
    store.write('card/1', { list: 'a', text: 'theirs', order: '11' })
    store.settle(edit('one', modRevision, { list: 'b', order: 'm1' }))
    await expect.poll(() => texts(1)).toEqual(['theirs'])
  })

  test.each([
    ['a card for a list that is gone', 'card/9', { list: 'gone', text: 'mine', order: 'a1' }, 'mine'],
    ['a title for a list that is gone', 'list/gone', { title: 'my title', order: 'a1' }, 'my title'],
  ])('%s is given back', async (_, key, value, words) => {
    const adds = key.startsWith('card')
    const guards = adds
      ? ([
          { kind: 'exists', key: 'list/gone' },
          { kind: 'missing', key },
        ] as const)
      : ([{ kind: 'unchanged', key, modRevision: 3 }] as const)
    store.settle({ guards, writes: put(key, value) })
    await noticed()
    expect(get(desk.notices)[0]?.quotes.map(({ text }) => text)).toContain(words)
  })

  test('that failed are told with the words', async () => {
    const failure = Object.assign(new Error('gone'), { code: 'SESSION_EXPIRED', outcome: 'unknown' })
    store.settle(edit('from before', card('1').modRevision), failure)
    await noticed()
    expect(get(desk.notices)[0]).toMatchObject({ tone: 'error', quotes: [{ text: 'from before' }] })
  })
})
