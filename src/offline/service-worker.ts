/**
 * Keeps the app's own files in this browser, so that the page loads without network and without its server. It answers for
 * the files that the build listed and for nothing else: signaling, `/healthz` and all the rest go by untouched. What it
 * hands out is what the server sent, headers included, so the page stays cross-origin isolated.
 *
 * A new version is fetched whole, beside the one in use, and then takes over at once: whoever loads the page from then on gets
 * it. A tab that is open goes on with the version it has, whose files stay as long as a tab runs it. So each tab is reloaded
 * when its person likes, and lacks nothing until then.
 */
import { PrecacheController, PrecacheRoute } from 'workbox-precaching'
import { registerRoute } from 'workbox-routing'
import { filesRunning, type ToServiceWorker } from './protocol.ts'

declare const self: ServiceWorkerGlobalScope

const cacheName = 'flotilla-app'
const newest = new PrecacheController({ cacheName })
newest.addToCacheList(self.__WB_MANIFEST)

// The page is the same under every query; which board it shows is in the fragment, which no request carries.
registerRoute(new PrecacheRoute(newest, { cleanURLs: false, ignoreURLParametersMatching: [/./] }))
// Files of earlier versions. Their names have a hash of what is in them, so they cannot be mistaken for others.
registerRoute(
  ({ url, sameOrigin }) => sameOrigin && url.pathname.startsWith('/assets/'),
  async ({ request }) => (await caches.match(request, { cacheName })) ?? fetch(request),
)

self.addEventListener('install', event => {
  self.skipWaiting()
  newest.install(event)
})

self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))

self.addEventListener('message', event => {
  const message: ToServiceWorker = event.data
  switch (message.type) {
    case 'isNewest':
      event.ports[0]?.postMessage(isNewest(message.files))
      break
    case 'tidy':
      event.waitUntil(tidy(event))
      break
    case 'claim':
      event.waitUntil(self.clients.claim())
      break
  }
})

function isNewest(files: readonly string[]): boolean {
  return files.every(file => newest.getCacheKeyForURL(file) !== undefined)
}

async function tidy(event: ExtendableEvent): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const { held = [] } = await navigator.locks.query()
  const running = held.map(({ name = '' }) => filesRunning(name)).filter(files => files !== null)
  // A page that has no lock yet is still being loaded, who knows of which version.
  if (running.length >= windows.length && running.every(isNewest)) await newest.activate(event)
}
