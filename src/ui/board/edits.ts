import { type BoardStore, type Guard, txnOpsMax, type Write } from './board-store.ts'
import {
  aboutKey,
  type BoardItem,
  type Card,
  type CardValue,
  cardKey,
  type List,
  type ListValue,
  listKey,
  type Revision,
  readAbout,
  readCard,
  readList,
} from './model.ts'

/**
 * Every change to the board, each one guarded transaction.
 *
 * A change is made against what its maker saw. If the item has changed since, the two changes are merged field by field where
 * they touch different ones (I edit the text, you move the card), and handed back as a conflict where they do not.
 */
export type Outcome =
  | { readonly kind: 'done'; readonly revision: Revision }
  | { readonly kind: 'conflict'; readonly conflict: Conflict }

export type Conflict =
  /** Someone deleted the card; `mine` is what it would have become. */
  | { readonly kind: 'cardDeleted'; readonly id: string; readonly mine: CardValue }
  | { readonly kind: 'textChanged'; readonly theirs: Card; readonly yours: string }
  /** The card was to be deleted, but its text is not the one its deleter saw. */
  | { readonly kind: 'changedBeforeDelete'; readonly theirs: Card }
  /** The list that the card was to be in is gone. */
  | { readonly kind: 'listDeleted'; readonly text: string }
  | { readonly kind: 'listChanged'; readonly yours: string | null }
  /** The board's own title is not the one its renamer saw. */
  | { readonly kind: 'titleChanged'; readonly theirs: string; readonly yours: string }
  /** Others kept changing the same thing; nothing was written. `yours` is what was typed for it. */
  | { readonly kind: 'busy'; readonly yours: string | null }

/** What is known of it, which may be less than it is shown with. */
type ListNow = Pick<List, 'id' | 'title' | 'order' | 'modRevision'>
type BoardNow = { readonly title: string; readonly modRevision: Revision }

/** How often a change is merged anew before it gives up: each time, someone else got in between. */
const mergeAttemptsMax = 8

export async function addCard(store: BoardStore, id: string, card: CardValue): Promise<Outcome> {
  const { succeeded, revision } = await store.commit({
    guards: [
      { kind: 'exists', key: listKey(card.list) },
      { kind: 'missing', key: cardKey(id) },
    ],
    writes: [{ kind: 'put', key: cardKey(id), value: card }],
    read: [],
  })
  return succeeded ? done(revision) : conflict({ kind: 'listDeleted', text: card.text })
}

export function editCard(store: BoardStore, seen: Card, text: string): Promise<Outcome> {
  return changeCard(store, seen, [], text, current => {
    // Where it is does not matter to its text; but another's text is not overwritten unseen.
    if (current.text !== seen.text && current.text !== text)
      return { kind: 'textChanged', theirs: current, yours: text }
    return { list: current.list, order: current.order, text }
  })
}

export function moveCard(store: BoardStore, seen: Card, list: string, order: string): Promise<Outcome> {
  return changeCard(store, seen, [{ kind: 'exists', key: listKey(list) }], null, current => ({
    list,
    order,
    text: current.text,
  }))
}

export async function deleteCard(store: BoardStore, seen: Card): Promise<Outcome> {
  let revision = seen.modRevision
  for (let attempt = 0; attempt < mergeAttemptsMax; attempt++) {
    const answer = await store.commit({
      guards: [{ kind: 'unchanged', key: cardKey(seen.id), modRevision: revision }],
      writes: [{ kind: 'delete', key: cardKey(seen.id) }],
      read: [cardKey(seen.id)],
    })
    const theirs = asCard(seen.id, answer.current[0])
    // Someone else deleted it: what was asked for is so.
    if (answer.succeeded || !theirs) return done(answer.revision)
    if (theirs.text !== seen.text) return conflict({ kind: 'changedBeforeDelete', theirs })
    revision = theirs.modRevision
  }
  return conflict({ kind: 'busy', yours: null })
}

/**
 * Puts deleted cards back, and their list with them if it was deleted too. Whatever is there meanwhile stays. All of it is
 * asked for at once: what waits for a quorum must not be cut in two by the end of this page.
 */
export async function restore(store: BoardStore, list: List | null, cards: readonly Card[]): Promise<Outcome> {
  const writes: Write[] = cards.map(({ id, list, text, order }) => {
    return { kind: 'put', key: cardKey(id), value: { list, text, order } }
  })
  if (list) writes.unshift({ kind: 'put', key: listKey(list.id), value: { title: list.title, order: list.order } })
  const answers = await Promise.all(
    writes.map(write => {
      return store.commit({ guards: [{ kind: 'missing', key: write.key }], writes: [write], read: [] })
    }),
  )
  return done(Math.max(0, ...answers.map(({ revision }) => revision)))
}

/** Brings a deleted card back with a text that somebody typed, unless it is there again with another one. */
export async function putBack(store: BoardStore, id: string, card: CardValue): Promise<Outcome> {
  const answer = await store.commit({
    guards: [{ kind: 'missing', key: cardKey(id) }],
    writes: [{ kind: 'put', key: cardKey(id), value: card }],
    read: [cardKey(id)],
  })
  const theirs = asCard(id, answer.current[0])
  if (answer.succeeded || theirs?.text === card.text) return done(answer.revision)
  return conflict(theirs ? { kind: 'textChanged', theirs, yours: card.text } : { kind: 'busy', yours: card.text })
}

export async function addList(store: BoardStore, id: string, title: string, order: string): Promise<Outcome> {
  const answer = await store.commit({
    guards: [{ kind: 'missing', key: listKey(id) }],
    writes: [{ kind: 'put', key: listKey(id), value: { title, order } }],
    read: [],
  })
  return answer.succeeded ? done(answer.revision) : conflict({ kind: 'busy', yours: title })
}

/** `seenTitle` is what it was called when its renamer began to type. */
export function renameList(store: BoardStore, list: ListNow, seenTitle: string, title: string): Promise<Outcome> {
  return changeList(store, list, title, current => {
    return current.title === seenTitle || current.title === title ? { ...current, title } : null
  })
}

export function moveList(store: BoardStore, list: ListNow, order: string): Promise<Outcome> {
  return changeList(store, list, null, current => ({ ...current, order }))
}

/**
 * Deletes a list and the cards that its deleter saw in it. If a card came in or changed meanwhile, nothing is deleted.
 * A list too long for one transaction loses its last cards first, in transactions of their own.
 */
export async function deleteList(store: BoardStore, seen: List, asOf: Revision): Promise<Outcome> {
  const cards = [...seen.cards]
  let since = asOf
  for (;;) {
    const last = cards.length < txnOpsMax
    const part = last ? cards : cards.splice(1 - txnOpsMax)
    const writes: Write[] = part.map(card => ({ kind: 'delete', key: cardKey(card.id) }))
    if (last) writes.push({ kind: 'delete', key: listKey(seen.id) })
    const answer = await store.commit({
      guards: [
        { kind: 'unchanged', key: listKey(seen.id), modRevision: seen.modRevision },
        { kind: 'quietSince', prefix: 'card/', revision: since },
      ],
      writes,
      read: [],
    })
    if (!answer.succeeded) return conflict({ kind: 'listChanged', yours: null })
    if (last) return done(answer.revision)
    since = answer.revision
  }
}

/** As it is with a list's title. */
export async function renameBoard(
  store: BoardStore,
  board: BoardNow,
  seenTitle: string,
  title: string,
): Promise<Outcome> {
  let current = board
  for (let attempt = 0; attempt < mergeAttemptsMax; attempt++) {
    if (current.title !== seenTitle && current.title !== title)
      return conflict({ kind: 'titleChanged', theirs: current.title, yours: title })
    const answer = await store.commit({
      guards: [{ kind: 'unchanged', key: aboutKey, modRevision: current.modRevision }],
      writes: [{ kind: 'put', key: aboutKey, value: { title } }],
      read: [aboutKey],
    })
    if (answer.succeeded) return done(answer.revision)
    const item = answer.current[0]
    current = { title: readAbout(item?.value)?.title ?? seenTitle, modRevision: item?.modRevision ?? 0 }
  }
  return conflict({ kind: 'busy', yours: title })
}

/** Merges one change of a card into whatever the card is by now. `typed` is what must not be lost if that fails. */
export async function changeCard(
  store: BoardStore,
  seen: Card,
  guards: readonly Guard[],
  typed: string | null,
  merge: (current: Card) => CardValue | Conflict,
): Promise<Outcome> {
  let current = seen
  for (let attempt = 0; attempt < mergeAttemptsMax; attempt++) {
    const merged = merge(current)
    if ('kind' in merged) return conflict(merged)
    const answer = await store.commit({
      guards: [{ kind: 'unchanged', key: cardKey(seen.id), modRevision: current.modRevision }, ...guards],
      writes: [{ kind: 'put', key: cardKey(seen.id), value: merged }],
      read: [cardKey(seen.id), listKey(merged.list)],
    })
    if (answer.succeeded) return done(answer.revision)
    const theirs = asCard(seen.id, answer.current[0])
    if (!theirs) return conflict({ kind: 'cardDeleted', id: seen.id, mine: merged })
    if (guards.length > 0 && !answer.current[1]) return conflict({ kind: 'listDeleted', text: typed ?? theirs.text })
    current = theirs
  }
  return conflict({ kind: 'busy', yours: typed })
}

export async function changeList(
  store: BoardStore,
  list: ListNow,
  typed: string | null,
  merge: (current: ListValue) => ListValue | null,
): Promise<Outcome> {
  let current = list
  for (let attempt = 0; attempt < mergeAttemptsMax; attempt++) {
    const merged = merge({ title: current.title, order: current.order })
    if (!merged) return conflict({ kind: 'listChanged', yours: typed })
    const answer = await store.commit({
      guards: [{ kind: 'unchanged', key: listKey(list.id), modRevision: current.modRevision }],
      writes: [{ kind: 'put', key: listKey(list.id), value: merged }],
      read: [listKey(list.id)],
    })
    if (answer.succeeded) return done(answer.revision)
    const item = answer.current[0]
    const theirs = item ? readList(item.value) : null
    if (!item || !theirs) return conflict({ kind: 'listChanged', yours: typed })
    current = { ...theirs, id: list.id, modRevision: item.modRevision }
  }
  return conflict({ kind: 'busy', yours: typed })
}

function asCard(id: string, item: BoardItem | null | undefined): Card | null {
  const value = item ? readCard(item.value) : null
  return item && value ? { ...value, id, modRevision: item.modRevision, pending: false } : null
}

const done = (revision: Revision): Outcome => ({ kind: 'done', revision })
const conflict = (reason: Conflict): Outcome => ({ kind: 'conflict', conflict: reason })
