import { describe, expect, test } from 'vitest'
import { type BoardItem, type BoardValue, buildBoard, findCard, type Pending } from '../../../src/ui/board/model.ts'

let revision = 0
const item = (key: string, value: unknown): BoardItem => {
  revision += 1
  return { key, value, createRevision: revision, modRevision: revision }
}
const pending = (changes: Record<string, BoardValue | null>, committed: number | null = null): Pending => ({
  id: 1,
  changes: new Map(Object.entries(changes)),
  committed,
})
const items = [
  item('about', { title: 'Harbour' }),
  item('list/b', { title: 'Doing', order: 'b1' }),
  item('list/a', { title: 'To do', order: 'a1' }),
  item('card/2', { list: 'a', text: 'second', order: 'b1' }),
  item('card/1', { list: 'a', text: 'first', order: 'a1' }),
]
const snapshot = { revision: 10, items }
const texts = (cards: readonly { text: string }[] | undefined) => cards?.map(({ text }) => text)

describe('the board', () => {
  test('has lists and cards in their orders', () => {
    const board = buildBoard(snapshot, [])
    expect(board.title).toBe('Harbour')
    expect(board.lists.map(({ title }) => title)).toEqual(['To do', 'Doing'])
    expect(texts(board.lists[0]?.cards)).toEqual(['first', 'second'])
  })

  test('orders equals by id, alike in every tab', () => {
    const twins = ['y', 'x'].map(id => item(`card/${id}`, { list: 'b', text: id, order: 'a1' }))
    expect(texts(buildBoard({ revision: 12, items: [...items, ...twins] }, []).lists[1]?.cards)).toEqual(['x', 'y'])
  })

  test('keeps showing cards whose list is gone', () => {
    const board = buildBoard({ revision: 10, items: items.filter(({ key }) => key !== 'list/a') }, [])
    expect(texts(board.strays)).toEqual(['first', 'second'])
    expect(findCard(board, '1')?.text).toBe('first')
  })

  test('leaves out what is neither a list nor a card', () => {
    const strange = [
      item('card/x', 'text'),
      item('card/y', { list: 'a', text: 7, order: 'a1' }),
      item('list/x', null),
      item('other', { title: 'x', order: 'a1' }),
    ]
    expect(buildBoard({ revision: 20, items: [...items, ...strange] }, [])).toEqual(
      buildBoard({ revision: 20, items }, []),
    )
  })
})

describe('a write on its way', () => {
  const moved = pending({ 'card/1': { list: 'b', text: 'first', order: 'a1' } })

  test('is shown where it will be, and marked', () => {
    const board = buildBoard(snapshot, [moved])
    expect(texts(board.lists[0]?.cards)).toEqual(['second'])
    expect(board.lists[1]?.cards[0]).toMatchObject({ text: 'first', pending: true })
  })

  test('keeps the revision that was seen, or none for what is new', () => {
    const added = pending({ 'card/3': { list: 'b', text: 'third', order: 'c1' } })
    const cards = buildBoard(snapshot, [moved, added]).lists[1]?.cards
    expect(cards?.map(({ modRevision }) => modRevision)).toEqual([items[4]?.modRevision, 0])
  })

  test('stays when it is committed but not yet heard of, and gives way to what is heard', () => {
    expect(buildBoard(snapshot, [{ ...moved, committed: 11 }]).lists[1]?.cards).toHaveLength(1)
    expect(buildBoard({ ...snapshot, revision: 11 }, [{ ...moved, committed: 11 }]).lists[1]?.cards).toHaveLength(0)
  })

  test('that deletes leaves the card in place, marked: it is still there', () => {
    const card = findCard(buildBoard(snapshot, [pending({ 'card/1': null })]), '1')
    expect(card).toMatchObject({ text: 'first', pending: true })
  })
})
