/** What a person is told when something fails, and what they can do about it. */
export interface Problem {
  readonly code: string
  readonly title: string
  readonly text: string
  readonly ways: readonly Way[]
  /** What exactly went wrong, for those whom it tells something. May be empty. */
  readonly detail: string
}

export type Way = 'newBoard' | 'otherLink' | 'reload'

type Words = Omit<Problem, 'code' | 'detail'>

const words: Readonly<Record<string, Words>> = {
  INVALID_INVITE: {
    title: 'This link is not complete',
    text: 'The part after the # does not name a board. It may have been cut off when it was copied. Ask for the link again, or start a board of your own. Boards you had open before are untouched.',
    ways: ['otherLink', 'newBoard'],
  },
  STORAGE_UNAVAILABLE: {
    title: 'This window cannot keep a board',
    text: 'The browser does not let this page store anything (IndexedDB). Private windows and blocked site data do that. A member that could forget what it promised would endanger everyone’s data, so this tab does not take part. Open the link in a normal window, or allow site data for this page.',
    ways: ['reload'],
  },
  LOCKS_UNAVAILABLE: {
    title: 'This browser is too old for a board',
    text: 'It has no Web Locks, with which each tab makes sure that no other tab speaks in its name. Use a current Chrome, Edge, Firefox or Safari.',
    ways: ['reload'],
  },
  WEBRTC_UNAVAILABLE: {
    title: 'This browser cannot reach other tabs',
    text: 'It has no WebRTC, or it was switched off by a setting or an extension. Allow it for this page, or use another browser.',
    ways: ['reload'],
  },
  WORKER_UNAVAILABLE: {
    title: 'The background part of this page did not start',
    text: 'The browser did not run the page’s worker. An extension may be blocking it, or the page was updated while it was open.',
    ways: ['reload'],
  },
  INSECURE_CONTEXT: {
    title: 'This address is not secure',
    text: 'Browsers give storage locks and encryption only to pages opened over https:// or on localhost. Open this page over https://.',
    ways: [],
  },
  NOSPACE: {
    title: 'The disk is full',
    text: 'This browser has no room left for the board’s log, so this tab has stopped and confirms nothing more. Everything confirmed so far is safe. Free some disk space or site data, then reload.',
    ways: ['reload'],
  },
  CORRUPT: {
    title: 'This tab’s copy of the board is damaged',
    text: 'Its log cannot be read any more, so this tab has stopped rather than guess. The other members still hold everything: open the board’s link from one of them.',
    ways: ['otherLink', 'newBoard'],
  },
  REMOVED: {
    title: 'The others went on without this tab',
    text: 'It was out of reach for so long that they took it off their list. The board is safe with them. Reload to take part again, as a new member; what you wrote here and nobody confirmed is sent then.',
    ways: ['reload'],
  },
  EVICTED: {
    title: 'The browser deleted this board’s data',
    text: 'Site data was cleared, or the browser needed the room, again and again. This tab has stopped, since it can no longer keep what it confirms. Whatever others have is safe: reload, and it comes back as a new member.',
    ways: ['reload', 'newBoard'],
  },
  CLUSTER_EXISTS: {
    title: 'This board exists already',
    text: 'This browser holds a board of the same name. Reload to open it.',
    ways: ['reload'],
  },
  STOPPED: {
    title: 'This tab has stopped taking part',
    text: 'Its member was stopped. Everything confirmed so far is safe. Reload to take part again.',
    ways: ['reload'],
  },
  INTERNAL: {
    title: 'Something went wrong in this tab',
    text: 'The tab has stopped rather than risk the board. Everything confirmed so far is safe. Reload to take part again.',
    ways: ['reload'],
  },
}

const deleted: Words = {
  title: 'The board is no longer in this browser',
  text: 'Its data were deleted here, and this tab is no longer a member. If others have the board, they keep it, and its link still leads to them.',
  ways: ['newBoard', 'otherLink'],
}

const deletedHere: Words = {
  title: 'This tab has let go of the board',
  text: 'Another tab of this browser has it open and keeps its copy. To delete that too, choose the same there.',
  ways: ['newBoard', 'otherLink'],
}

const fallback: Words = {
  title: 'The board could not be opened',
  text: 'Something unexpected happened. Reload to try again.',
  ways: ['reload', 'newBoard'],
}

/** The member, or the attempt to start one, failed. */
export function problemOf(error: unknown): Problem {
  const code = codeOf(error)
  return { code, ...(words[code] ?? fallback), detail: detailOf(error) }
}

/** The member stands still until the disk lets it write again. */
export function interruptionWords(error: unknown): string {
  return codeOf(error) === 'NOSPACE'
    ? 'The disk is full: free some room, and this tab goes on by itself. What was confirmed is safe.'
    : 'The browser’s storage does not answer: this tab waits and tries again. What was confirmed is safe.'
}

/** A person deleted the board from this browser. */
export function deletedProblem(elsewhere: boolean): Problem {
  return { code: 'DELETED', ...(elsewhere ? deletedHere : deleted), detail: '' }
}

/** One write failed; the member goes on. A sentence, and whether the write may have happened all the same. */
export function writeProblemOf(error: unknown): { readonly title: string; readonly text: string } {
  const code = codeOf(error)
  const title = 'Not saved'
  switch (code) {
    case 'REQUEST_TOO_LARGE':
    case 'TOO_LARGE':
      return { title, text: 'That is too long: a card holds at most 1.5 MiB.' }
    case 'NOSPACE':
      return { title, text: 'The board is full. Delete some cards and try again.' }
    case 'EMPTY_KEY':
    case 'INVALID_ARGUMENT':
      return { title, text: 'The text holds characters that cannot be stored.' }
    case 'STOPPED':
      return { title, text: 'This tab has stopped taking part. Reload and try again.' }
  }
  if (outcomeOf(error) === 'unknown') {
    return {
      title: 'Perhaps not saved',
      text: 'The connection was lost before an answer came. What the board shows is what counts.',
    }
  }
  return { title, text: 'No majority could be reached. Try again when the board is connected.' }
}

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'UNKNOWN'
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function outcomeOf(error: unknown): 'definite' | 'unknown' {
  return typeof error === 'object' && error !== null && 'outcome' in error && error.outcome === 'unknown'
    ? 'unknown'
    : 'definite'
}
