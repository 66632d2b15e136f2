import { mount } from 'svelte'
import { readable } from 'svelte/store'
import { create, type Database, open, parseInvite } from '../client/flotilla.ts'
import App from './App.svelte'
import { keepApp } from './app-version.ts'
import { boardFiles } from './data/board-data.ts'
import { beginSession } from './session.ts'
import {
  decideStart,
  forget,
  fragmentOf,
  newBoardFragment,
  recall,
  remember,
  type Start,
  signalingOf,
} from './startup.ts'
import './theme.css'

declare global {
  interface Window {
    /** For whoever opens the console and wants to try: `await flotilla.db.get('board/about')`. */
    flotilla?: { readonly db: Database }
  }
}

const signaling = signalingOf(location.href)
/** The board in the address bar; null until there is one. */
let shown: string | null = null

const start = decideStart(location.hash, recall())
const session = beginSession(start, openDatabase, db => {
  window.flotilla = { db }
  shown = fragmentOf(db.invite)
  // Who may change a board and looks at it the way others do does not want to be asked for the link again.
  if (db.role === 'editor' || !mayEdit(recall(), db.clusterId)) remember(db.invite)
  history.replaceState(history.state, '', shown)
})

// In development the page must be what was just written.
const newerReady = import.meta.env.PROD ? keepApp() : readable(false)

const target = document.querySelector('#app')
if (!target) throw new Error('The page has no #app to mount on.')
mount(App, {
  target,
  props: {
    session,
    newerReady,
    files: boardFiles,
    onDeleted,
    onNewBoard: () => visit(newBoardFragment),
    onOpenLink: (link: string) => visit(link.slice(link.indexOf('#') + 1)),
    onReload: () => location.reload(),
  },
})

// Another board starts from a fresh page: nothing of this one can linger, and its member says goodbye as on any closing.
addEventListener('hashchange', () => {
  if (location.hash !== shown) location.reload()
})

/** Its link is no longer this page's: reloading must not ask to join it. */
function onDeleted(): void {
  forget()
  shown = ''
  history.replaceState(history.state, '', location.pathname)
}

function mayEdit(invite: string | null, board: string): boolean {
  try {
    const { clusterId, role } = parseInvite(invite ?? '')
    return clusterId === board && role === 'editor'
  } catch {
    return false
  }
}

function visit(fragment: string): void {
  location.hash = fragment
}

function openDatabase(start: Start): Promise<Database> {
  return start.how === 'found' ? create({ signaling }) : open({ signaling, invite: start.invite })
}
