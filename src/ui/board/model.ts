import type { KeyVersion } from '../../client/flotilla.ts'

export type Revision = KeyVersion['modRevision']

/**
 * The board as it lies in the store, under the namespace `board/`:
 *
 *     about        {title}              one per board; its absence means "never seeded"
 *     list/<id>    {title, order}
 *     card/<id>    {list, text, order}
 *
 * A card names its list and not the other way round, so adding, moving or deleting a card writes one key, and two people who
 * work on different cards of a list never meet. `order` is a fractional index (see `order.ts`): a move writes only what moved.
 */
export interface AboutValue {
  readonly title: string
}
export interface ListValue {
  readonly title: string
  readonly order: string
}
export interface CardValue {
  readonly list: string
  readonly text: string
  readonly order: string
}
export type BoardValue = AboutValue | ListValue | CardValue

export interface BoardItem {
  readonly key: string
  readonly value: unknown
  readonly createRevision: Revision
  readonly modRevision: Revision
}

/** What a live query has seen: every item as of one revision. Revision 0 means that nothing has been heard yet. */
export interface Snapshot {
  readonly revision: Revision
  readonly items: readonly BoardItem[]
}

export const aboutKey = 'about'
export const listKey = (id: string): string => `list/${id}`
export const cardKey = (id: string): string => `card/${id}`

export interface Card extends CardValue {
  readonly id: string
  /** 0 for a card that is not committed yet. */
  readonly modRevision: Revision
  /** A write that changes this card is on its way: what is shown is what it asks for, not what is true. */
  readonly pending: boolean
}

export interface List extends ListValue {
  readonly id: string
  readonly modRevision: Revision
  readonly pending: boolean
  readonly cards: readonly Card[]
}

export interface Board {
  readonly revision: Revision
  readonly title: string | null
  /** Of the title; 0 while there is none. */
  readonly titleRevision: Revision
  readonly lists: readonly List[]
  /** Cards whose list is gone. They are shown until someone moves or deletes them: nothing written is ever hidden. */
  readonly strays: readonly Card[]
}

/** A write on its way, as it will change the board: keys with their new value, or null for a deletion. */
export interface Pending {
  readonly id: number
  readonly changes: ReadonlyMap<string, BoardValue | null>
  /** The revision the write got, once committed: from then on the live query is about to show it. */
  readonly committed: Revision | null
}

export const emptyBoard: Board = { revision: 0, title: null, titleRevision: 0, lists: [], strays: [] }

interface Slot {
  readonly value: unknown
  readonly modRevision: Revision
  readonly pending: boolean
}

/**
 * The board to paint: the committed items, and over them the writes on their way, marked as pending. A deletion on its way
 * leaves the item in place, marked, since it is still there.
 */
export function buildBoard(snapshot: Snapshot, pendings: readonly Pending[]): Board {
  const slots = new Map<string, Slot>()
  for (const item of snapshot.items)
    slots.set(item.key, { value: item.value, modRevision: item.modRevision, pending: false })
  for (const pending of pendings) {
    if (pending.committed !== null && pending.committed <= snapshot.revision) continue
    for (const [key, value] of pending.changes) {
      const under = slots.get(key)
      if (value !== null) slots.set(key, { value, modRevision: under?.modRevision ?? 0, pending: true })
      else if (under) slots.set(key, { ...under, pending: true })
    }
  }

  const cardsByList = new Map<string, Card[]>()
  const lists: (ListValue & { id: string; modRevision: Revision; pending: boolean })[] = []
  let title: string | null = null
  let titleRevision = 0
  for (const [key, { value, modRevision, pending }] of slots) {
    const [kind, id] = split(key)
    if (kind === 'about') {
      title = readAbout(value)?.title ?? title
      titleRevision = modRevision
    }
    if (kind === 'list') {
      const list = readList(value)
      if (list) lists.push({ ...list, id, modRevision, pending })
    }
    if (kind === 'card') {
      const card = readCard(value)
      if (!card) continue
      const siblings = cardsByList.get(card.list) ?? []
      siblings.push({ ...card, id, modRevision, pending })
      cardsByList.set(card.list, siblings)
    }
  }

  const built = lists.sort(byOrder).map((list): List => {
    const cards = (cardsByList.get(list.id) ?? []).sort(byOrder)
    cardsByList.delete(list.id)
    return { ...list, cards }
  })
  const strays = [...cardsByList.values()].flat().sort(byOrder)
  return { revision: snapshot.revision, title, titleRevision, lists: built, strays }
}

export function findCard(board: Board, id: string): Card | undefined {
  for (const list of board.lists) {
    const card = list.cards.find(candidate => candidate.id === id)
    if (card) return card
  }
  return board.strays.find(candidate => candidate.id === id)
}

/** Two tabs that insert at one place at once may draw the same order: the id then decides, alike everywhere. */
function byOrder(a: { order: string; id: string }, b: { order: string; id: string }): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1
  return a.id < b.id ? -1 : 1
}

function split(key: string): [kind: string, id: string] {
  const slash = key.indexOf('/')
  return slash === -1 ? [key, ''] : [key.slice(0, slash), key.slice(slash + 1)]
}

// The store is open to anyone who holds the invite and a console, so what comes out of it is checked, and what is not a
// list or a card is not painted.

export function readAbout(value: unknown): AboutValue | null {
  return isRecord(value) && typeof value.title === 'string' ? { title: value.title } : null
}

export function readList(value: unknown): ListValue | null {
  if (!isRecord(value) || typeof value.title !== 'string' || typeof value.order !== 'string') return null
  return { title: value.title, order: value.order }
}

export function readCard(value: unknown): CardValue | null {
  if (!isRecord(value) || typeof value.list !== 'string' || typeof value.text !== 'string') return null
  return typeof value.order === 'string' ? { list: value.list, text: value.text, order: value.order } : null
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
