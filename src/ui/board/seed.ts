import type { BoardStore, Write } from './board-store.ts'
import { aboutKey, cardKey, listKey } from './model.ts'
import { orderBetween } from './order.ts'

const seedLists = [
  {
    id: 'todo',
    title: 'To do',
    cards: [
      'Send the link to a second device, or open it in another tab',
      'Drag this card, or move it with Alt and the arrow keys',
      'Close the tab that leads: another one takes over',
    ],
  },
  { id: 'doing', title: 'Doing', cards: ['Looking around'] },
  { id: 'done', title: 'Done', cards: ['Found a board without a database server'] },
]

/**
 * Gives a new board its first lists and cards: one transaction, guarded by "there is no board yet", so that tabs that try at
 * the same time seed it once.
 */
export async function seed(store: BoardStore, random: () => number = Math.random): Promise<void> {
  const writes: Write[] = [{ kind: 'put', key: aboutKey, value: { title: 'New board' } }]
  let listOrder: string | null = null
  for (const list of seedLists) {
    listOrder = orderBetween(listOrder, null, random)
    writes.push({ kind: 'put', key: listKey(list.id), value: { title: list.title, order: listOrder } })
    let cardOrder: string | null = null
    for (const [index, text] of list.cards.entries()) {
      cardOrder = orderBetween(cardOrder, null, random)
      const value = { list: list.id, text, order: cardOrder }
      writes.push({ kind: 'put', key: cardKey(`${list.id}-${index + 1}`), value })
    }
  }
  await store.commit({ guards: [{ kind: 'missing', key: aboutKey }], writes, read: [] })
}
