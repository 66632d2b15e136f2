/** What a page does when it is opened: found a board, or open the one that its address or this browser's memory names. */
export type Start = { readonly how: 'found' } | { readonly how: 'open'; readonly invite: string }

/** The address of "a new board, please". Replaced by the board's own as soon as it is founded. */
export const newBoardFragment = '#new'

export function decideStart(fragment: string, remembered: string | null): Start {
  if (fragment === newBoardFragment) return { how: 'found' }
  // As it is, with its #: the client reads links, and says what is wrong with one.
  if (fragment.length > 1) return { how: 'open', invite: fragment }
  if (remembered) return { how: 'open', invite: remembered }
  return { how: 'found' }
}

export function fragmentOf(invite: string): string {
  return `#invite=${invite}`
}

/** The link to hand on: this page's address with the invite in the fragment, which browsers never send to a server. */
export function linkOf(page: string, invite: string): string {
  const address = new URL(page)
  address.hash = fragmentOf(invite)
  return address.href
}

/** The server that serves the page is the signaling server, too. */
export function signalingOf(page: string): URL {
  return new URL('/signal', page)
}

const rememberedKey = 'flotilla.board'

/** The last board this browser had open. Storage may be off; then nothing is remembered, and that is all. */
export function recall(): string | null {
  try {
    return localStorage.getItem(rememberedKey)
  } catch {
    return null
  }
}

export function remember(invite: string): void {
  try {
    localStorage.setItem(rememberedKey, invite)
  } catch {
    // The link in the address bar is the board's real name; the memory is a convenience.
  }
}

/** Opening the app must not bring back a board that was deleted here. */
export function forget(): void {
  try {
    localStorage.removeItem(rememberedKey)
  } catch {
    // As above.
  }
}
