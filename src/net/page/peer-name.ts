import type { TabRole } from '../../replica/types.ts'

const viewerMark = '-viewer'

/**
 * A fresh name for this page load: 32 hex digits that no other page has, and that sort the newer page first; a viewer's is marked. The peer of
 * the lower name dials, so it is the newcomer who does, and not a tab in the background: simple-peer starts an offer in a
 * timer, and a hidden page's timers run once a second (https://developer.chrome.com/blog/timer-throttling-in-chrome-88).
 * A wrong clock only changes who dials.
 */
export function newPeerName(role: TabRole, now = Date.now()): string {
  const age = (Number.MAX_SAFE_INTEGER - now).toString(16).padStart(14, '0')
  const random = crypto.getRandomValues(new Uint8Array(9))
  const name = age + Array.from(random, byte => byte.toString(16).padStart(2, '0')).join('')
  return role === 'viewer' ? name + viewerMark : name
}

/** What the bearer says that it is; a `Seal` of an editor lets nobody bear another name than that. */
export function roleOfName(peer: string): TabRole {
  return peer.endsWith(viewerMark) ? 'viewer' : 'editor'
}
