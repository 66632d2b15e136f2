import type { ToTabFloorWorker } from './tab-floor.ts'

/** As much as one record holds of what is stored: what ours does. */
const partBytes = 512 * 1024
/** `crypto.getRandomValues` gives no more at a time. */
const randomBytesMax = 65_536

addEventListener('message', async ({ data: { bytes } }: MessageEvent<ToTabFloorWorker>) => {
  const database = await openDatabase()
  const transaction = database.transaction('parts', bytes === null ? 'readonly' : 'readwrite')
  const parts = transaction.objectStore('parts')
  let read = 0
  if (bytes === null) {
    const all = parts.getAll()
    all.onsuccess = () => {
      // Asked for, the values are made; before, the browser may spare itself the work.
      for (const part of all.result) read += part.length
    }
  } else {
    parts.clear()
    for (let at = 0; at < bytes; at += partBytes) parts.add(noise(Math.min(partBytes, bytes - at)), at)
  }
  await new Promise(resolve => {
    transaction.oncomplete = resolve
  })
  database.close()
  postMessage(read)
})

/** What does not compress, as the browser's database does with what it is given. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += randomBytesMax) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + randomBytesMax)))
  }
  return bytes
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('tab-floor', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('parts')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
