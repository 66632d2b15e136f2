import { derived, get, type Readable, writable } from 'svelte/store'
import type { BoardStore, Settled, Unanswered } from './board/board-store.ts'
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
import { redo } from './board/redo.ts'
import { type Choices, conflictNotice, failureNotice, fromEarlier, type Notice } from './notices.ts'
import { writeProblemOf } from './problems.ts'

export interface PostedNotice extends Notice {
  readonly id: number
}

/** Where a card is to go: before the card that is now at `index` of the list, not counting itself. */
export interface Place {
  readonly list: string
  readonly index: number
}

/** A card's text under a person's hands. */
export interface Editing {
  /** The card as it was when they began: what the edit is made against. */
  readonly seen: Card
  readonly draft: string
}

/** How many writes are not confirmed yet, and how many of them are kept on this device until they are. */
export interface Waiting {
  readonly writes: number
  readonly kept: number
}

/** News beyond this go, the oldest first. What asks a question or holds somebody's words stays until it is answered. */
const newsMax = 4

/**
 * One person's desk: the board as they see it, the writes they have under way, and what they are told.
 * Every method starts a write and returns at once; the board is painted from the live query, with the writes on their
 * way marked as such.
 */
export class Desk {
  readonly board: Readable<Board>
  readonly waiting: Readable<Waiting>
  /** Something would be lost if the page ended now. */
  readonly atRisk: Readable<boolean>
  readonly #store: BoardStore
  readonly #pendings = writable<readonly Pending[]>([])
  /** The latest that earlier lives wrote to a key, of what they have an answer to. */
  readonly #lastWritten = new Map<string, BoardValue>()
  readonly #editing = writable<Editing | null>(null)
  readonly #notices = writable<readonly PostedNotice[]>([])
  readonly #announcement = writable('')
  readonly #random: () => number
  readonly #choices: Choices = {
    edit: (theirs, yours) => this.editCard(theirs, yours),
    delete: theirs => this.deleteCard(theirs),
    putBack: card => this.#putBack(card),
    renameBoard: (theirs, yours) => this.renameBoard(theirs, yours),
  }
  #nextId = 1

  constructor(store: BoardStore, random: () => number = Math.random) {
    this.#store = store
    this.#random = random
    const earlier = derived(store.unanswered, unanswered => unanswered.filter(({ earlier }) => earlier))
    this.board = derived([store.live, earlier, this.#pendings], ([snapshot, earlier, pendings]) => {
      return buildBoard(snapshot, [...earlier.map(pendingOf), ...pendings])
    })
    this.waiting = derived([store.unanswered, this.#pendings], ([unanswered, pendings]) => {
      const kept = unanswered.filter(({ kept }) => kept).length
      const earlier = unanswered.filter(({ earlier }) => earlier).length
      return { writes: earlier + pendings.filter(({ committed }) => committed === null).length, kept }
    })
    this.atRisk = derived([store.unanswered, this.#notices], ([unanswered, notices]) => {
      return unanswered.some(({ kept }) => !kept) || notices.some(holdsWords)
    })
    store.onSettled(settled => this.#onSettled(settled))
    this.board.subscribe(board => this.#onBoard(board))
  }

  /** Whoever was let in to look is not offered what the cluster would not take. */
  get readOnly(): boolean {
    return this.#store.readOnly
  }

  /** The one card whose text is being edited here, wherever on the board it is by now. */
  get editing(): Readable<Editing | null> {
    return this.#editing
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

  beginEditing(card: Card): void {
    this.finishEditing()
    if (card.modRevision === 0) this.#announce('This card is still being saved.')
    else this.#editing.set({ seen: card, draft: card.text })
  }

  draft(text: string): void {
    this.#editing.update(editing => editing && { ...editing, draft: text })
  }

  /** Saves what was typed. Without a text nothing is changed. */
  finishEditing(): void {
    const editing = get(this.#editing)
    this.cancelEditing()
    const text = editing?.draft.trim() ?? ''
    if (editing !== null && text !== '') this.editCard(editing.seen, text)
  }

  cancelEditing(): void {
    this.#editing.set(null)
  }

  editCard(seen: Card, text: string): void {
    if (text === seen.text) return
    if (seen.modRevision === 0) {
      this.tell(failureNotice({ title: 'Not saved', text: 'This card is still being saved itself.' }, text))
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

  /** `seenTitle` is what it was called when its renamer began to type. */
  renameList(list: List, seenTitle: string, title: string): void {
    if (title === seenTitle || list.modRevision === 0) return
    const value = { title, order: list.order }
    this.#write([[listKey(list.id), value]], title, () => edits.renameList(this.#store, list, seenTitle, title))
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

  renameBoard(seenTitle: string, title: string): void {
    if (title === seenTitle) return
    const { title: now, titleRevision: modRevision } = get(this.board)
    const board = { title: now ?? seenTitle, modRevision }
    this.#write([[aboutKey, { title }]], title, () => edits.renameBoard(this.#store, board, seenTitle, title))
  }

  tell(notice: Notice): void {
    this.#notices.update(notices => {
      const now = [...notices, { ...notice, id: this.#nextId++ }]
      const news = now.filter(({ tone }) => tone === 'info')
      return now.filter(one => !news.slice(0, -newsMax).includes(one))
    })
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
      else this.tell(conflictNotice(outcome.conflict, this.#choices))
    } catch (error) {
      this.tell(failureNotice(writeProblemOf(error), text))
    }
    this.#pendings.update(pendings =>
      pendings.map(pending => (pending.id === id ? { ...pending, committed: committed ?? 0 } : pending)),
    )
    this.#forgetSeen()
  }

  /** Confirmed writes stay in the picture until the live query shows them, or the card would jump back for a moment. */
  #forgetSeen(): void {
    const seen = get(this.#store.live).revision
    this.#pendings.update(pendings => pendings.filter(({ committed }) => committed === null || committed > seen))
  }

  /**
   * An earlier life's write has its answer. If that is a no, its maker is told with their words in hand: nobody else will.
   */
  async #onSettled({ guards, writes, at, result }: Settled): Promise<void> {
    const changes = new Map(writes.map(write => [write.key, write.kind === 'put' ? write.value : null]))
    const lastWritten = new Map(this.#lastWritten)
    for (const [key, value] of changes) {
      if (value === null) this.#lastWritten.delete(key)
      else this.#lastWritten.set(key, value)
    }
    if (result.kind === 'committed') {
      this.#pendings.update(pendings => [...pendings, { id: this.#nextId++, changes, committed: result.revision }])
      this.#forgetSeen()
      return
    }
    const typed = [...changes.values()].map(wordsOf).find(words => words !== null) ?? null
    try {
      if (result.kind === 'failed') throw result.error
      const outcome = await redo(this.#store, { guards, writes }, lastWritten)
      if (outcome.kind === 'conflict') this.tell(fromEarlier(at, conflictNotice(outcome.conflict, this.#choices)))
    } catch (error) {
      this.tell(fromEarlier(at, failureNotice(writeProblemOf(error), typed)))
    }
  }

  /** Somebody deleted the card whose text is being edited here: what was typed is offered back. */
  #onBoard(board: Board): void {
    const editing = get(this.#editing)
    if (editing !== null && board.revision > 0 && !findCard(board, editing.seen.id)) this.finishEditing()
  }

  #putBack({ id, list, text, order }: Card): void {
    const value = { list, text, order }
    this.#write([[cardKey(id), value]], text, () => edits.putBack(this.#store, id, value))
  }

  #offerUndo(title: string, list: List | null, cards: readonly Card[]): void {
    const undo = { kind: 'do' as const, label: 'Undo', run: () => this.#restore(list, cards) }
    this.tell({ tone: 'info', context: null, title, quotes: [], actions: [undo] })
  }

  #restore(list: List | null, cards: readonly Card[]): void {
    const changes: [string, BoardValue][] = cards.map(({ id, list, text, order }) => [
      cardKey(id),
      { list, text, order },
    ])
    if (list) changes.push([listKey(list.id), { title: list.title, order: list.order }])
    this.#write(changes, null, () => edits.restore(this.#store, list, cards))
  }

  #announce(text: string): void {
    this.#announcement.set(text)
  }
}

function pendingOf({ writes }: Unanswered): Pending {
  return {
    id: 0,
    changes: new Map(writes.map(write => [write.key, write.kind === 'put' ? write.value : null])),
    committed: null,
  }
}

/** What a person typed, of what is written. */
function wordsOf(value: BoardValue | null): string | null {
  if (value === null) return null
  return 'text' in value ? value.text : value.title
}

const holdsWords = ({ tone, quotes }: Notice) => tone !== 'info' && quotes.length > 0

function brief(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), byte => byte.toString(36).padStart(2, '0')).join('')
}
