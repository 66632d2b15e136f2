import { type Readable, writable } from 'svelte/store'
import { runningLock, type ToServiceWorker } from '../offline/protocol.ts'

/** A tab stays open for weeks, and the browser by itself looks only when a page is loaded. */
const checkIntervalMs = 60 * 60_000

/**
 * Has the service worker keep the app in this browser from now on. True as soon as a newer version than this page's is
 * ready there: reloading gets it. Nothing is ever reloaded from here.
 */
export function keepApp(
  serviceWorkers: ServiceWorkerContainer | undefined = navigator.serviceWorker,
): Readable<boolean> {
  const newerReady = writable(false)
  // Private windows of some browsers have none: the page then loads from the server alone.
  if (serviceWorkers === undefined) return newerReady
  const files = filesOfThisPage()
  const locked = holdForLife(runningLock(files))
  const ask = async () => {
    await locked
    const worker = serviceWorkers.controller
    if (worker === null) return
    const newest = await isNewest(worker, files)
    newerReady.set(!newest)
    if (newest) tell(worker, { type: 'tidy' })
  }
  serviceWorkers.addEventListener('controllerchange', ask)
  ask()
  register(serviceWorkers).catch(error => console.warn('This browser does not keep the app for offline use.', error))
  return newerReady
}

async function register(serviceWorkers: ServiceWorkerContainer): Promise<void> {
  const registration = await serviceWorkers.register('/service-worker.js')
  let checkedAt = performance.now()
  const check = () => {
    if (performance.now() - checkedAt < checkIntervalMs || !navigator.onLine) return
    checkedAt = performance.now()
    // Not reached: there is another time.
    registration.update().catch(() => {})
  }
  setInterval(check, checkIntervalMs)
  // Timers of a sleeping machine do not count.
  document.addEventListener('visibilitychange', check)
  const { active } = await serviceWorkers.ready
  // It claims the pages that there are when it becomes active, and one that was on its way then is not among them.
  if (active !== null && serviceWorkers.controller === null) tell(active, { type: 'claim' })
}

/** Resolves when this page has the lock. */
function holdForLife(lock: string): Promise<void> {
  return new Promise(resolve => {
    navigator.locks.request(lock, { mode: 'shared' }, () => {
      resolve()
      return new Promise(() => {})
    })
  })
}

/** The scripts and styles that the page was loaded with. Their names say what is in them, so together they are its version. */
function filesOfThisPage(): string[] {
  const elements = document.querySelectorAll<HTMLScriptElement | HTMLLinkElement>('script[src], link[rel=stylesheet]')
  return [...elements].map(element => ('src' in element ? element.src : element.href))
}

function isNewest(worker: ServiceWorker, files: readonly string[]): Promise<boolean> {
  const { port1, port2 } = new MessageChannel()
  return new Promise(resolve => {
    port1.onmessage = ({ data }) => {
      resolve(data === true)
      port1.close()
    }
    tell(worker, { type: 'isNewest', files }, [port2])
  })
}

function tell(worker: ServiceWorker, message: ToServiceWorker, transfer: Transferable[] = []): void {
  worker.postMessage(message, transfer)
}
