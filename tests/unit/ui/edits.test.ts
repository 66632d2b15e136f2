import { beforeEach, describe, expect, test } from 'vitest'
import * as edits from '../../../src/ui/board/edits.ts'
import { type Card, findCard, type List } from '../../../src/ui/board/model.ts'
import { seed } from '../../../src/ui/board/seed.ts'
import { MemoryBoard } from './memory-board.ts'

let store: MemoryBoard

beforeEach(() => {
  store = new MemoryBoard()
  store.write('list/a', { title: 'To do', order: 'a1' })
  store.write('list/b', { title: 'Doing', order: 'b1' })
  store.write('card/1', { list: 'a', text: 'first', order: 'a1' })
})

function card(id: string): Card {
  const found = findCard(store.board(), id)
  if (!found) throw new Error(`no card ${id}`)
  return found
}

function list(id: string): List {
  const found = store.board().lists.find(candidate => candidate.id === id)
  if (!found) throw new Error(`no list ${id}`)
  return found
}

const stored = (key: string) => store.get(key)?.value
const move = { list: 'b', text: 'first', order: 'x1' }

describe('editing a card', () => {
  test('writes the text', async () => {
    await expect(edits.editCard(store, card('1'), 'better')).resolves.toEqual({ kind: 'done', revision: 5 })
    expect(stored('card/1')).toEqual({ list: 'a', text: 'better', order: 'a1' })
  })

  test('that someone moves meanwhile keeps both changes', async () => {
    store.before = () => store.write('card/1', move)
    expect((await edits.editCard(store, card('1'), 'better')).kind).toBe('done')
    expect(stored('card/1')).toEqual({ list: 'b', text: 'better', order: 'x1' })
  })

  test('whose text someone changes meanwhile changes nothing and shows both', async () => {
    store.before = () => store.write('card/1', { list: 'a', text: 'theirs', order: 'a1' })
    const outcome = await edits.editCard(store, card('1'), 'mine')
    expect(outcome).toMatchObject({
      kind: 'conflict',
      conflict: { kind: 'textChanged', theirs: { text: 'theirs', modRevision: 5 }, yours: 'mine' },
    })
    expect(stored('card/1')).toMatchObject({ text: 'theirs' })
  })

  test('into the text that someone else wrote, too, is no conflict', async () => {
    store.before = () => store.write('card/1', { list: 'a', text: 'same', order: 'a1' })
    expect((await edits.editCard(store, card('1'), 'same')).kind).toBe('done')
  })

  test('that someone deletes meanwhile does not bring it back', async () => {
    store.before = () => store.write('card/1', null)
    expect(await edits.editCard(store, card('1'), 'mine')).toMatchObject({
      kind: 'conflict',
      conflict: { kind: 'cardDeleted', id: '1', mine: { list: 'a', text: 'mine', order: 'a1' } },
    })
    expect(store.get('card/1')).toBeNull()
  })

  test('gives up, and says so, when others never stop changing it', async () => {
    let order = 0
    const again = () => {
      store.write('card/1', { list: 'a', text: 'first', order: `a${++order}` })
      store.before = again
    }
    store.before = again
    expect(await edits.editCard(store, card('1'), 'mine')).toEqual({
      kind: 'conflict',
      conflict: { kind: 'busy', yours: 'mine' },
    })
    expect(stored('card/1')).toMatchObject({ text: 'first' })
  })
})

describe('moving a card', () => {
  test('whose text someone changes meanwhile keeps both changes', async () => {
    store.before = () => store.write('card/1', { list: 'a', text: 'theirs', order: 'a1' })
    await edits.moveCard(store, card('1'), 'b', 'x1')
    expect(stored('card/1')).toEqual({ list: 'b', text: 'theirs', order: 'x1' })
  })

  test('into a list that someone deletes meanwhile leaves it where it is', async () => {
    store.before = () => store.write('list/b', null)
    const outcome = await edits.moveCard(store, card('1'), 'b', 'x1')
    expect(outcome).toEqual({ kind: 'conflict', conflict: { kind: 'listDeleted', text: 'first' } })
    expect(stored('card/1')).toMatchObject({ list: 'a' })
  })
})

describe('deleting a card', () => {
  test('that someone moved goes through', async () => {
    store.before = () => store.write('card/1', move)
    expect((await edits.deleteCard(store, card('1'))).kind).toBe('done')
    expect(store.get('card/1')).toBeNull()
  })

  test('whose text someone changed asks first', async () => {
    store.before = () => store.write('card/1', { list: 'a', text: 'theirs', order: 'a1' })
    expect(await edits.deleteCard(store, card('1'))).toMatchObject({ conflict: { kind: 'changedBeforeDelete' } })
    expect(stored('card/1')).toMatchObject({ text: 'theirs' })
  })

  test('that someone else deleted is done', async () => {
    store.before = () => store.write('card/1', null)
    expect((await edits.deleteCard(store, card('1'))).kind).toBe('done')
  })

  test('can be undone, and undoing does not overwrite what is there by then', async () => {
    const seen = card('1')
    await edits.deleteCard(store, seen)
    await edits.restore(store, null, [seen])
    expect(stored('card/1')).toEqual({ list: 'a', text: 'first', order: 'a1' })
    store.write('card/1', { list: 'b', text: 'newer', order: 'a1' })
    await edits.restore(store, null, [seen])
    expect(stored('card/1')).toMatchObject({ text: 'newer' })
  })
})

describe('lists', () => {
  test('a card cannot be added to one that is gone', async () => {
    const added = { list: 'gone', text: 'mine', order: 'a1' }
    const outcome = await edits.addCard(store, '9', added)
    expect(outcome).toEqual({ kind: 'conflict', conflict: { kind: 'listDeleted', text: 'mine' } })
  })

  test('one goes with its cards, in one transaction, and comes back with them', async () => {
    const seen = list('a')
    const before = store.revision
    expect(await edits.deleteList(store, seen, store.revision)).toEqual({ kind: 'done', revision: before + 1 })
    expect([store.get('list/a'), store.get('card/1')]).toEqual([null, null])
    await edits.restore(store, seen, seen.cards)
    expect(list('a').cards.map(({ text }) => text)).toEqual(['first'])
  })

  test('one does not go with a card that its deleter has not seen', async () => {
    const [seen, asOf] = [list('a'), store.revision]
    store.before = () => store.write('card/2', { list: 'a', text: 'just added', order: 'b1' })
    expect(await edits.deleteList(store, seen, asOf)).toMatchObject({ conflict: { kind: 'listChanged' } })
    expect(list('a').cards).toHaveLength(2)
  })

  test('one with more cards than a transaction takes goes all the same', async () => {
    for (let index = 0; index < 300; index++) {
      store.write(`card/n${index}`, { list: 'a', text: 'x', order: `a${1000 + index}1` })
    }
    const outcome = await edits.deleteList(store, list('a'), store.revision)
    expect(outcome.kind).toBe('done')
    expect([store.commits, store.board().lists.map(({ id }) => id), store.board().strays]).toEqual([3, ['b'], []])
  })

  test('renaming one that someone moves keeps both; that someone renames shows it', async () => {
    store.before = () => store.write('list/a', { title: 'To do', order: 'z1' })
    await edits.renameList(store, list('a'), 'To do', 'Later')
    expect(stored('list/a')).toEqual({ title: 'Later', order: 'z1' })
    store.before = () => store.write('list/a', { title: 'Theirs', order: 'z1' })
    expect(await edits.renameList(store, list('a'), 'Later', 'Mine')).toMatchObject({
      conflict: { kind: 'listChanged', yours: 'Mine' },
    })
  })
})

test('a board is seeded once, however many tabs try', async () => {
  const fresh = new MemoryBoard()
  await Promise.all([seed(fresh), seed(fresh)])
  expect(fresh.revision).toBe(2)
  expect(fresh.board().lists.map(({ title }) => title)).toEqual(['To do', 'Doing', 'Done'])
})
