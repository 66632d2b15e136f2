import { type BoardStore, type BoardTxn, type Guard, txnOpsMax, type Write } from './board-store.ts'
import {
  aboutKey,
  type BoardItem,
  type Card,
  type CardValue,
  cardKey,
  type List,
  listKey,
  type Revision,
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
  /** Others kept changing the same thing; nothing was written. */
  | { readonly kind: 'busy' }

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
  return changeCard(store, seen, [], current => {
    // Where it is does not matter to its text; but another's text is not overwritten unseen.
    if (current.text !== seen.text && current.text !== text)
      return { kind: 'textChanged', theirs: current, yours: text }
    return { list: current.list, order: current.order, text }
  })
}

export function moveCard(store: BoardStore, seen: Card, list: string, order: string): Promise<Outcome> {
  return changeCard(store, seen, [{ kind: 'exists', key: listKey(list) }], current => ({
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
  return conflict({ kind: 'busy' })
}

/** Puts deleted cards back, and their list with them if it was deleted too. Whatever is there meanwhile stays. */
export async function restore(store: BoardStore, list: List | null, cards: readonly Card[]): Promise<Outcome> {
  if (list) {
    const value = { title: list.title, order: list.order }
    await store.commit({
      guards: [{ kind: 'missing', key: listKey(list.id) }],
      writes: [{ kind: 'put', key: listKey(list.id), value }],
      read: [],
    })
  }
  let revision = 0
  for (const card of cards) {
    const value = { list: card.list, text: card.text, order: card.order }
    const answer = await store.commit({
      guards: [{ kind: 'missing', key: cardKey(card.id) }],
      writes: [{ kind: 'put', key: cardKey(card.id), value }],
      read: [],
    })
    revision = answer.revision
  }
  return done(revision)
}

export async function addList(store: BoardStore, id: string, title: string, order: string): Promise<Outcome> {
  return await commit(store, {
    guards: [{ kind: 'missing', key: listKey(id) }],
    writes: [{ kind: 'put', key: listKey(id), value: { title, order } }],
    read: [],
  })
}

export function renameList(store: BoardStore, seen: List, title: string): Promise<Outcome> {
  return changeList(store, seen, current => (current.title === seen.title ? { ...current, title } : null), title)
}

export function moveList(store: BoardStore, seen: List, order: string): Promise<Outcome> {
  return changeList(store, seen, current => ({ ...current, order }), null)
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

export async function renameBoard(store: BoardStore, title: string): Promise<Outcome> {
  return await commit(store, { guards: [], writes: [{ kind: 'put', key: aboutKey, value: { title } }], read: [] })
}

/** Merges one change of a card into whatever the card is by now. */
async function changeCard(
  store: BoardStore,
  seen: Card,
  guards: readonly Guard[],
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
    if (guards.length > 0 && !answer.current[1]) return conflict({ kind: 'listDeleted', text: theirs.text })
    current = theirs
  }
  return conflict({ kind: 'busy' })
}

async function changeList(
  store: BoardStore,
  seen: List,
  merge: (current: { title: string; order: string }) => { title: string; order: string } | null,
  yours: string | null,
): Promise<Outcome> {
  let current: { title: string; order: string; modRevision: Revision } = seen
  for (let attempt = 0; attempt < mergeAttemptsMax; attempt++) {
    const merged = merge({ title: current.title, order: current.order })
    if (!merged) return conflict({ kind: 'listChanged', yours })
    const answer = await store.commit({
      guards: [{ kind: 'unchanged', key: listKey(seen.id), modRevision: current.modRevision }],
      writes: [{ kind: 'put', key: listKey(seen.id), value: merged }],
      read: [listKey(seen.id)],
    })
    if (answer.succeeded) return done(answer.revision)
    const item = answer.current[0]
    const theirs = item ? readList(item.value) : null
    if (!item || !theirs) return conflict({ kind: 'listChanged', yours })
    current = { ...theirs, modRevision: item.modRevision }
  }
  return conflict({ kind: 'busy' })
}

async function commit(store: BoardStore, txn: BoardTxn): Promise<Outcome> {
  const answer = await store.commit(txn)
  return answer.succeeded ? done(answer.revision) : conflict({ kind: 'busy' })
}

function asCard(id: string, item: BoardItem | null | undefined): Card | null {
  const value = item ? readCard(item.value) : null
  return item && value ? { ...value, id, modRevision: item.modRevision, pending: false } : null
}

const done = (revision: Revision): Outcome => ({ kind: 'done', revision })
const conflict = (reason: Conflict): Outcome => ({ kind: 'conflict', conflict: reason })
