import { type OneByOne, oneByOne } from '../loads.ts'
import type { FromFloorWorker, ToFloorWorker } from './floor-messages.ts'

/** Measures what a write cannot do without, and nothing else: a bare strict commit, a bare round trip. */
let channel: RTCDataChannel | null = null

addEventListener('message', async ({ data }: MessageEvent<ToFloorWorker>) => {
  switch (data.kind) {
    case 'channel':
      await take(data.channel, data.role)
      say([])
      break
    case 'commits':
      say(await commits(data.load, data.bytes))
      break
    case 'roundTrips':
      say(await roundTrips(data.load, data.bytes))
      break
  }
})

function say(took: FromFloorWorker): void {
  postMessage(took)
}

async function take(given: RTCDataChannel, role: 'caller' | 'echo'): Promise<void> {
  given.binaryType = 'arraybuffer'
  if (role === 'echo') given.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => given.send(data)
  if (given.readyState !== 'open') await new Promise(resolve => given.addEventListener('open', resolve, { once: true }))
  channel = given
}

async function roundTrips(load: OneByOne, bytes: number): Promise<number[]> {
  const open = channel
  if (open === null) throw new Error('no channel')
  const message = new Uint8Array(bytes)
  return oneByOne(() => {
    return new Promise(resolve => {
      open.onmessage = resolve
      open.send(message)
    })
  }, load)
}

/** One record per transaction, told to commit at once, counted at `complete`: the least that a write has to wait for. */
async function commits(load: OneByOne, bytes: number): Promise<number[]> {
  const name = `floor/${Math.random()}`
  const database = await opened(name)
  const record = new Uint8Array(bytes)
  const took = await oneByOne(number => {
    return new Promise((resolve, reject) => {
      const transaction = database.transaction('records', 'readwrite', { durability: 'strict' })
      transaction.objectStore('records').add(record, number)
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error)
      transaction.commit()
    })
  }, load)
  database.close()
  indexedDB.deleteDatabase(name)
  return took
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => request.result.createObjectStore('records')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
