import type { Conflict } from './board/edits.ts'
import type { Card } from './board/model.ts'

/** Something to tell a person without getting in their way. */
export interface Notice {
  readonly tone: 'info' | 'clash' | 'error'
  /** Which write it is about, where that is not the one just made. */
  readonly context: string | null
  readonly title: string
  readonly quotes: readonly Quote[]
  /** Any of them also ends the notice. */
  readonly actions: readonly NoticeAction[]
}

export interface Quote {
  readonly by: string
  readonly text: string
}

export type NoticeAction =
  | { readonly kind: 'do'; readonly label: string; run(): void }
  /** Where the browser does not allow it, the notice stays: what it holds is still needed. */
  | { readonly kind: 'copy'; readonly label: string; readonly text: string }

/** What a person may choose to do about a conflict. */
export interface Choices {
  edit(theirs: Card, yours: string): void
  delete(theirs: Card): void
  putBack(card: Card): void
  renameBoard(theirs: string, yours: string): void
}

/** Says what happened and shows both sides; the board already shows what is true. */
export function conflictNotice(conflict: Conflict, choices: Choices): Notice {
  switch (conflict.kind) {
    case 'cardDeleted': {
      const card: Card = { ...conflict.mine, id: conflict.id, modRevision: 0, pending: false }
      return clash('Someone deleted this card meanwhile.', yours(card.text), [
        { kind: 'do', label: 'Put it back', run: () => choices.putBack(card) },
        { kind: 'do', label: 'Leave it deleted', run: () => {} },
      ])
    }
    case 'textChanged': {
      const quotes = [{ by: 'Theirs', text: conflict.theirs.text }, ...yours(conflict.yours)]
      return clash('Someone else changed this card meanwhile.', quotes, [
        { kind: 'do', label: 'Use mine', run: () => choices.edit(conflict.theirs, conflict.yours) },
        { kind: 'do', label: 'Keep theirs', run: () => {} },
      ])
    }
    case 'changedBeforeDelete': {
      const quotes = [{ by: 'Theirs', text: conflict.theirs.text }]
      return clash('Not deleted: someone just changed this card.', quotes, [
        { kind: 'do', label: 'Delete anyway', run: () => choices.delete(conflict.theirs) },
        { kind: 'do', label: 'Keep it', run: () => {} },
      ])
    }
    case 'listDeleted':
      return clash('Someone deleted that list meanwhile.', yours(conflict.text), copyAction(conflict.text))
    case 'listChanged':
      return clash(
        'Not done: someone just changed this list or a card. Have a look and try again.',
        yours(conflict.yours),
        copyAction(conflict.yours),
      )
    case 'titleChanged': {
      const quotes = [{ by: 'Theirs', text: conflict.theirs }, ...yours(conflict.yours)]
      return clash('Someone else renamed this board meanwhile.', quotes, [
        { kind: 'do', label: 'Use mine', run: () => choices.renameBoard(conflict.theirs, conflict.yours) },
        { kind: 'do', label: 'Keep theirs', run: () => {} },
      ])
    }
    case 'busy':
      return clash(
        'Not done: others were changing the same thing. Try again.',
        yours(conflict.yours),
        copyAction(conflict.yours),
      )
  }
}

/** What a person typed is never lost with the write that carried it. */
export function failureNotice(reason: { title: string; text: string }, typed: string | null): Notice {
  const quotes = typed === null ? [] : [{ by: 'Your text', text: typed }]
  return { tone: 'error', context: null, title: `${reason.title}. ${reason.text}`, quotes, actions: copyAction(typed) }
}

/**
 * A log in this browser was damaged, and its member is over; this tab goes on as another. Worth telling for what had not left this
 * browser yet: it was read as far as possible.
 */
export function damageNotice({ rescuedWrites, lostWrites }: Damage): Notice {
  const words = ['Part of what this browser had stored was damaged. What others confirmed, they still have.']
  if (rescuedWrites === 1) words.push('One change that waited here was saved from it, and is sent.')
  if (rescuedWrites > 1) words.push(`${rescuedWrites} changes that waited here were saved from it, and are sent.`)
  if (lostWrites) words.push('Others that waited here could not be read any more, and are lost.')
  return { tone: lostWrites ? 'error' : 'info', context: null, title: words.join(' '), quotes: [], actions: [] }
}

export interface Damage {
  readonly rescuedWrites: number
  readonly lostWrites: boolean
}

/** About a write that was made at `at` (by `Date.now()`), before the page was loaded. */
export function fromEarlier(at: number, notice: Notice): Notice {
  const time = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' }).format(at)
  return { ...notice, context: `What you did before this page was loaded (${time})` }
}

function clash(title: string, quotes: readonly Quote[], actions: readonly NoticeAction[]): Notice {
  return { tone: 'clash', context: null, title, quotes, actions }
}

function yours(text: string | null): Quote[] {
  return text === null ? [] : [{ by: 'Yours', text }]
}

function copyAction(text: string | null): NoticeAction[] {
  return text === null ? [] : [{ kind: 'copy', label: 'Copy my text', text }]
}
