import { encodePeerMessage } from '../../src/net/codec.ts'
import { FrameWriter } from '../../src/net/frames.ts'
import { Links } from '../../src/net/worker/links.ts'
import { newMessage } from '../../src/raft/message.ts'
import type { PeerMessage } from '../../src/replica/types.ts'
import type { FromNetWorker, NetLoad, NetResult, ToNetWorker } from './net-messages.ts'

/**
 * One of two tabs' workers, joined by `Links` and, on the same connection, by a bare channel. A load is sent over one or the other; the
 * same frames travel on both, and on both the receiver answers now and then, so that the sender knows when all has come.
 */
let links: Links | null = null
let raw: RTCDataChannel | null = null
let self = 0
let other = 0
let rawReceived = 0
let linkReceived = 0

/** Told by the other end: how many of its messages it has had, since the start. */
const heard = { links: 0, raw: 0 }
let wake = () => {}

addEventListener('message', async ({ data }: MessageEvent<ToNetWorker>) => {
  switch (data.kind) {
    case 'links':
      self = data.self
      join(data.port)
      break
    case 'raw':
      raw = data.channel
      raw.binaryType = 'arraybuffer'
      raw.bufferedAmountLowThreshold = rawLowBytes
      raw.onopen = () => wake()
      raw.onbufferedamountlow = () => wake()
      raw.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => rawHeard(data)
      break
    case 'ready':
      while (other === 0 || raw?.readyState !== 'open') await woken()
      answer({ kind: 'ready' })
      break
    case 'run':
      try {
        answer({ kind: 'done', result: await (data.over === 'links' ? runLinks(data.load) : runRaw(data.load)) })
      } catch (error) {
        answer({ kind: 'failed', message: String(error) })
      }
      break
  }
})

/** As much as the library gives a channel at a time, so that neither is held back by less. */
const rawWindowBytes = 1024 * 1024
const rawLowBytes = 128 * 1024

function answer(message: FromNetWorker): void {
  postMessage(message)
}

function woken(): Promise<void> {
  return new Promise(resolve => {
    wake = resolve
  })
}

function join(port: MessagePort): void {
  links = new Links({
    peer: `bench-${self}`,
    port,
    clock: {
      now: () => performance.now(),
      every(ms, callback) {
        const timer = setInterval(callback, ms)
        return () => clearInterval(timer)
      },
    },
    onUp(member) {
      other = member
      wake()
    },
    onDown() {
      other = 0
      wake()
    },
    onMessage: (_from, _to, message) => linkHeard(message),
    onChange() {},
  })
  links.setMembers([self])
}

/** Sent by the receiver: a count, on the wire as small as an answer of raft's. */
function linkHeard(message: PeerMessage): void {
  if (message.kind === 'join') {
    heard.links = message.member
    wake()
    return
  }
  linkReceived++
  if (linkReceived % answerEvery !== 0) return
  links?.send(self, other, { kind: 'join', member: linkReceived })
  links?.flush()
}

function rawHeard(data: ArrayBuffer): void {
  if (data.byteLength === answerBytes) {
    heard.raw = new DataView(data).getFloat64(0)
    wake()
    return
  }
  rawReceived++
  if (rawReceived % answerEvery !== 0) return
  const bytes = new DataView(new ArrayBuffer(answerBytes))
  bytes.setFloat64(0, rawReceived)
  raw?.send(bytes)
}

/** Divides every load, so that its last message is answered. */
const answerEvery = 8
const answerBytes = 8

async function linkWoken(): Promise<void> {
  await woken()
  if (other === 0) throw new Error('the link is down')
}

async function runLinks(load: NetLoad): Promise<NetResult> {
  if (links === null) throw new Error('no links')
  const before = heard.links
  const began = performance.now()
  const wireBefore = sentBytes()
  for (let sent = 0; sent < load.messages; ) {
    while (sent - (heard.links - before) + load.perTurn > load.window) await linkWoken()
    for (let turn = 0; turn < load.perTurn; turn++, sent++) {
      if (!links.send(self, other, message(load, sent))) throw new Error('a message was dropped')
    }
    links.flush()
  }
  while (heard.links - before < load.messages) await linkWoken()
  const ms = performance.now() - began
  return { ms, frames: load.messages / load.perTurn, wireBytes: sentBytes() - wireBefore }
}

function sentBytes(): number {
  return links?.status()[0]?.peerTotals.sentBytes ?? 0
}

/** The frames are made beforehand, and are those that the library would make of the same messages. */
async function runRaw(load: NetLoad): Promise<NetResult> {
  if (raw === null) throw new Error('no channel')
  const writer = new FrameWriter()
  writer.add(encodePeerMessage(self, other, message(load, 0)))
  const frame = writer.first
  if (frame === undefined) throw new Error('no frame')
  const before = heard.raw
  const began = performance.now()
  for (let sent = 0; sent < load.messages; sent++) {
    while (sent - (heard.raw - before) + 1 > load.window || raw.bufferedAmount + frame.length > rawWindowBytes) {
      await woken()
    }
    raw.send(frame)
  }
  while (heard.raw - before < load.messages) await woken()
  return { ms: performance.now() - began, frames: load.messages, wireBytes: load.messages * frame.length }
}

const payloads = new Map<number, Uint8Array>()

function message({ as, bytes }: NetLoad, number: number): PeerMessage {
  const data = payloads.get(bytes) ?? new Uint8Array(bytes)
  payloads.set(bytes, data)
  if (as === 'snapshot') {
    const metadata = { confState, index: 1, term: 1 }
    const chunk = { term: 1, metadata, checksum: 0, bytes: 2 ** 40, offset: number * bytes, round: 1, data }
    return { kind: 'snapshotChunk', chunk }
  }
  const append = newMessage('MsgApp', other, self, 1)
  append.logTerm = 1
  append.index = number
  append.entries = [{ term: 1, index: number + 1, type: 'normal', data }]
  append.commit = number
  return { kind: 'raft', message: append }
}

const confState = { voters: [1, 2, 3], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
