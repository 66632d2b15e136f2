import type { BoardStore, Guard, Settled, Write } from './board-store.ts'
import { addCard, changeCard, changeList, deleteCard, type Outcome, putBack, renameBoard } from './edits.ts'
import { aboutKey, type BoardValue, type Card, type CardValue, readAbout, readCard, readList } from './model.ts'

/**
 * Does again what an earlier life of this page asked for and a guard refused: as the change it was, against what its maker
 * saw. That is what an earlier write of theirs made of it (`lastWritten`), or else what the store held at the revision in the
 * guard. Where even that is forgotten nothing is merged, and whatever differs is a conflict to be shown.
 */
export async function redo(
  store: BoardStore,
  { guards, writes }: Pick<Settled, 'guards' | 'writes'>,
  lastWritten: ReadonlyMap<string, BoardValue>,
): Promise<Outcome> {
  const [write] = writes
  // Several at once are a new board's first lists, which are there, or a list and its cards, which nobody guesses about.
  if (write === undefined || writes.length > 1) return guards.some(isMissing) ? nothingToDo : listChanged(null)
  const [kind = '', id = ''] = write.key.split(/\/(.*)/s)
  const revision = seenRevision(guards, write.key)
  const seen = revision === null ? null : (lastWritten.get(write.key) ?? (await store.past(write.key, revision))?.value)
  if (kind === 'card') return redoCard(store, id, write, guards, { value: readCard(seen), modRevision: revision })
  if (write.kind === 'delete') return listChanged(null)
  if (write.key === aboutKey) {
    const title = readAbout(write.value)?.title ?? ''
    const seenTitle = readAbout(seen)?.title ?? title
    return renameBoard(store, { title: seenTitle, modRevision: revision ?? 0 }, seenTitle, title)
  }
  const value = readList(write.value)
  // Somebody else put the list back first.
  if (value === null || revision === null) return nothingToDo
  const before = readList(seen)
  const typed = before?.title === value.title ? null : value.title
  return changeList(store, { ...(before ?? value), id, modRevision: revision }, typed, current => {
    if (typed !== null && current.title !== before?.title && current.title !== typed) return null
    return { title: typed ?? current.title, order: before?.order === value.order ? current.order : value.order }
  })
}

interface Seen {
  readonly value: CardValue | null
  /** Null if the write was to make the card. */
  readonly modRevision: number | null
}

function redoCard(store: BoardStore, id: string, write: Write, guards: readonly Guard[], seen: Seen): Promise<Outcome> {
  const before = seen.value
  const card = (value: CardValue): Card => ({ ...value, id, modRevision: seen.modRevision ?? 0, pending: false })
  if (write.kind === 'delete') return deleteCard(store, card(before ?? { list: '', text: '', order: '' }))
  const mine = readCard(write.value)
  if (mine === null) return Promise.resolve(nothingToDo)
  const inList = guards.filter(({ kind }) => kind === 'exists')
  if (seen.modRevision === null) return inList.length > 0 ? addCard(store, id, mine) : putBack(store, id, mine)
  const typed = before?.text === mine.text ? null : mine.text
  const moved = before !== null && (before.list !== mine.list || before.order !== mine.order)
  return changeCard(store, card(before ?? mine), inList, typed, current => {
    if (typed !== null && current.text !== before?.text && current.text !== typed)
      return { kind: 'textChanged', theirs: current, yours: typed }
    const { list, order } = moved ? mine : current
    return { list, order, text: typed ?? current.text }
  })
}

function seenRevision(guards: readonly Guard[], key: string): number | null {
  for (const guard of guards) if (guard.kind === 'unchanged' && guard.key === key) return guard.modRevision
  return null
}

const isMissing = ({ kind }: Guard) => kind === 'missing'
const nothingToDo: Outcome = { kind: 'done', revision: 0 }
const listChanged = (yours: string | null): Outcome => ({ kind: 'conflict', conflict: { kind: 'listChanged', yours } })
