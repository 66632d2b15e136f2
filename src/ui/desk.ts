import { derived, get, type Readable, writable } from 'svelte/store'
import type { BoardStore } from './board/board-store.ts'
import * as edits from './board/edits.ts'
import {
  aboutKey,
  type Board,
  type BoardValue,
  buildBoard,
  type Card,
  type CardValue,
  cardKey,
  findCard,
  type List,
  listKey,
  type Pending,
} from './board/model.ts'
import { orderAt } from './board/order.ts'
import { type Choices, conflictNotice, failureNotice, type Notice } from './notices.ts'
import { writeProblemOf } from './problems.ts'

export interface PostedNotice extends Notice {
  readonly id: number
}

/** Where a card is to go: before the card that is now at `index` of the list, not counting itself. */
export interface Place {
  readonly list: string
  readonly index: number
}

/** More would only push the older ones out of sight. */
const noticesMax = 4

/**
 * One person's desk: the board as they see it, the writes they have under way, and what they are told.
 * Every method starts a write and returns at once; the board is painted from the live query, with the writes on their
 * way marked as such.
 */
export class Desk {
  readonly board: Readable<Board>
  /** Writes not yet confirmed. */
  readonly waiting: Readable<number>
  readonly #store: BoardStore
  readonly #pendings = writable<readonly Pending[]>([])
  readonly #notices = writable<readonly PostedNotice[]>([])
  readonly #announcement = writable('')
  readonly #random: () => number
  readonly #choices: Choices = {
    edit: (theirs, yours) => this.editCard(theirs, yours),
    delete: theirs => this.deleteCard(theirs),
    putBack: card => this.#restore(null, [card]),
  }
  #nextId = 1

  constructor(store: BoardStore, random: () => number = Math.random) {
    this.#store = store
    this.#random = random
    this.board = derived([store.live, this.#pendings], ([snapshot, pendings]) => buildBoard(snapshot, pendings))
    this.waiting = derived(this.#pendings, pendings => pendings.filter(({ committed }) => committed === null).length)
  }

  get notices(): Readable<readonly PostedNotice[]> {
    return this.#notices
  }

  /** For screen readers: the last thing that happened. */
  get announcement(): Readable<string> {
    return this.#announcement
  }

  addCard(list: string, text: string): void {
    const siblings = this.#list(list)?.cards ?? []
    const value: CardValue = { list, text, order: orderAt(siblings, siblings.length, this.#random) }
    const id = randomId()
    this.#write([[cardKey(id), value]], text, () => edits.addCard(this.#store, id, value))
  }

  editCard(seen: Card, text: string): void {
    if (text === seen.text) return
    if (seen.modRevision === 0) {
      this.#tell(failureNotice({ title: 'Not saved', text: 'This card is still being saved itself.' }, text))
      return
    }
    const value = { list: seen.list, order: seen.order, text }
    this.#write([[cardKey(seen.id), value]], text, () => edits.editCard(this.#store, seen, text))
  }

  moveCard(id: string, place: Place): void {
    const seen = findCard(get(this.board), id)
    const list = this.#list(place.list)
    if (!seen || !list) {
      this.#announce('That card is gone.')
      return
    }
    if (seen.modRevision === 0) {
      this.#announce('This card is still being saved.')
      return
    }
    const siblings = list.cards.filter(card => card.id !== id)
    const from = list.cards.findIndex(card => card.id === id)
    const index = Math.max(0, Math.min(place.index, siblings.length))
    if (from === index) return
    const order = orderAt(siblings, index, this.#random)
    const value = { list: place.list, text: seen.text, order }
    this.#announce(`Moving to ${list.title}, position ${index + 1} of ${siblings.length + 1}.`)
    this.#write([[cardKey(id), value]], null, () => edits.moveCard(this.#store, seen, place.list, order))
  }

  deleteCard(seen: Card): void {
    if (seen.modRevision === 0) {
      this.#announce('This card is still being saved.')
      return
    }
    this.#write([[cardKey(seen.id), null]], null, async () => {
      const outcome = await edits.deleteCard(this.#store, seen)
      if (outcome.kind === 'done') this.#offerUndo(`Deleted “${brief(seen.text)}”`, null, [seen])
      return outcome
    })
  }

  addList(title: string): void {
    const { lists } = get(this.board)
    const order = orderAt(lists, lists.length, this.#random)
    const id = randomId()
    this.#write([[listKey(id), { title, order }]], title, () => edits.addList(this.#store, id, title, order))
  }

  renameList(seen: List, title: string): void {
    if (title === seen.title || seen.modRevision === 0) return
    const value = { title, order: seen.order }
    this.#write([[listKey(seen.id), value]], title, () => edits.renameList(this.#store, seen, title))
  }

  moveList(seen: List, by: -1 | 1): void {
    const { lists } = get(this.board)
    const index = lists.findIndex(list => list.id === seen.id) + by
    if (index < 0 || index >= lists.length || seen.modRevision === 0) return
    const siblings = lists.filter(list => list.id !== seen.id)
    const order = orderAt(siblings, index, this.#random)
    this.#announce(`Moving list ${seen.title} to position ${index + 1} of ${lists.length}.`)
    const value = { title: seen.title, order }
    this.#write([[listKey(seen.id), value]], null, () => edits.moveList(this.#store, seen, order))
  }

  deleteList(seen: List): void {
    if (seen.modRevision === 0) {
      this.#announce('This list is still being saved.')
      return
    }
    const changes: [string, null][] = [
      [listKey(seen.id), null],
      ...seen.cards.map(({ id }): [string, null] => [cardKey(id), null]),
    ]
    const asOf = get(this.board).revision
    this.#write(changes, null, async () => {
      const outcome = await edits.deleteList(this.#store, seen, asOf)
      if (outcome.kind === 'done') this.#offerUndo(`Deleted the list “${brief(seen.title)}”`, seen, seen.cards)
      return outcome
    })
  }

  renameBoard(title: string): void {
    if (title === get(this.board).title) return
    this.#write([[aboutKey, { title }]], title, () => edits.renameBoard(this.#store, title))
  }

  dismiss(id: number): void {
    this.#notices.update(notices => notices.filter(notice => notice.id !== id))
  }

  #list(id: string): List | undefined {
    return get(this.board).lists.find(list => list.id === id)
  }

  /** `text` is what the person typed, if anything: should the write fail, they get it back. */
  async #write(
    changes: readonly (readonly [string, BoardValue | null])[],
    text: string | null,
    act: () => Promise<edits.Outcome>,
  ): Promise<void> {
    const id = this.#nextId++
    this.#pendings.update(pendings => [...pendings, { id, changes: new Map(changes), committed: null }])
    let committed: number | null = null
    try {
      const outcome = await act()
      if (outcome.kind === 'done') committed = outcome.revision
      else this.#tell(conflictNotice(outcome.conflict, this.#choices))
    } catch (error) {
      this.#tell(failureNotice(writeProblemOf(error), text))
    }
    // Confirmed writes stay in the picture until the live query shows them, or the card would jump back for a moment.
    const seen = get(this.#store.live).revision
    this.#pendings.update(pendings =>
      pendings
        .map(pending => (pending.id === id ? { ...pending, committed: committed ?? 0 } : pending))
        .filter(pending => pending.committed === null || pending.committed > seen),
    )
  }

  #offerUndo(title: string, list: List | null, cards: readonly Card[]): void {
    const undo = { label: 'Undo', run: () => this.#restore(list, cards) }
    this.#tell({ tone: 'info', title, quotes: [], actions: [undo] })
  }

  #restore(list: List | null, cards: readonly Card[]): void {
    const changes: [string, BoardValue][] = cards.map(({ id, list, text, order }) => [
      cardKey(id),
      { list, text, order },
    ])
    if (list) changes.push([listKey(list.id), { title: list.title, order: list.order }])
    this.#write(changes, null, () => edits.restore(this.#store, list, cards))
  }

  #tell(notice: Notice): void {
    this.#notices.update(notices => [...notices, { ...notice, id: this.#nextId++ }].slice(-noticesMax))
  }

  #announce(text: string): void {
    this.#announcement.set(text)
  }
}

function brief(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), byte => byte.toString(36).padStart(2, '0')).join('')
}
