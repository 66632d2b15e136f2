import { type OneByOne, oneByOne } from '../loads.ts'
import type { FromFloorWorker, ToFloorWorker } from './floor-messages.ts'

/**
 * Measures what a write cannot do without, and nothing else: a bare strict commit, a bare round trip, and the two together as
 * three members have to do them.
 */
const channels: RTCDataChannel[] = []

/** First byte of a message: whether it is to be made durable before it is echoed. */
const echoAtOnce = 0
const commitFirst = 1

addEventListener('message', async ({ data }: MessageEvent<ToFloorWorker>) => {
  switch (data.kind) {
    case 'channel':
      await take(data.channel, data.role)
      say([])
      break
    case 'commits':
      say(await withLog(commit => oneByOne(number => commit(number, new Uint8Array(data.bytes)), data.load)))
      break
    case 'roundTrips':
      say(await oneByOne(number => echoed(message(echoAtOnce, number, data.bytes), channels.slice(0, 1)), data.load))
      break
    case 'replicated':
      say(await replicated(data.load, data.bytes))
      break
  }
})

function say(took: FromFloorWorker): void {
  postMessage(took)
}

async function take(channel: RTCDataChannel, role: 'caller' | 'echo'): Promise<void> {
  channel.binaryType = 'arraybuffer'
  if (role === 'echo') await echo(channel)
  if (channel.readyState !== 'open') {
    await new Promise(resolve => channel.addEventListener('open', resolve, { once: true }))
  }
  channels.push(channel)
}

async function echo(channel: RTCDataChannel): Promise<void> {
  const log = await openLog()
  let written = 0
  channel.onmessage = async ({ data }: MessageEvent<ArrayBuffer>) => {
    if (new Uint8Array(data)[0] === commitFirst) await log.commit(++written, new Uint8Array(data))
    channel.send(data)
  }
}

function message(word: number, number: number, bytes: number): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(bytes))
  view.setUint8(0, word)
  view.setUint32(1, number)
  return view
}

/** Sends it on all channels; resolves with the first echo. What comes late from earlier messages is passed over. */
function echoed(view: DataView<ArrayBuffer>, on: readonly RTCDataChannel[]): Promise<void> {
  return new Promise(resolve => {
    for (const channel of on) {
      channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        if (new DataView(data).getUint32(1) === view.getUint32(1)) resolve()
      }
      channel.send(view)
    }
  })
}

/** A write on three members, without consensus or client: done when it is durable here and on the faster of the other two. */
function replicated(load: OneByOne, bytes: number): Promise<number[]> {
  return withLog(commit =>
    oneByOne(async number => {
      const view = message(commitFirst, number, bytes)
      await Promise.all([echoed(view, channels), commit(number, new Uint8Array(view.buffer))])
    }, load),
  )
}

type Commit = (key: number, record: Uint8Array) => Promise<unknown>

async function withLog(measure: (commit: Commit) => Promise<number[]>): Promise<number[]> {
  const log = await openLog()
  const took = await measure(log.commit)
  log.remove()
  return took
}

/** One record per transaction, told to commit at once, counted at `complete`: the least that a write has to wait for. */
async function openLog(): Promise<{ commit: Commit; remove: () => void }> {
  const name = `floor/${Math.random()}`
  const database = await opened(name)
  return {
    commit: (key, record) =>
      new Promise((resolve, reject) => {
        const transaction = database.transaction('records', 'readwrite', { durability: 'strict' })
        transaction.objectStore('records').add(record, key)
        transaction.oncomplete = resolve
        transaction.onabort = () => reject(transaction.error)
        transaction.commit()
      }),
    remove: () => {
      database.close()
      indexedDB.deleteDatabase(name)
    },
  }
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => request.result.createObjectStore('records')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
