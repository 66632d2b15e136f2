import type { ToTabFloorWorker } from './tab-floor.ts'

/** As much as one record holds of what is stored. */
const partBytes = 1024 * 1024

addEventListener('message', async ({ data: { bytes } }: MessageEvent<ToTabFloorWorker>) => {
  const database = await openDatabase()
  const transaction = database.transaction('parts', bytes === null ? 'readonly' : 'readwrite')
  const parts = transaction.objectStore('parts')
  if (bytes === null) parts.getAll()
  else {
    parts.clear()
    for (let at = 0; at < bytes; at += partBytes) parts.add(new Uint8Array(Math.min(partBytes, bytes - at)), at)
  }
  await new Promise(resolve => {
    transaction.oncomplete = resolve
  })
  database.close()
  postMessage(null)
})

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('tab-floor', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('parts')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
