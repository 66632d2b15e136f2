import type { FromLinks, ToLinks } from '../../src/net/links-protocol.ts'
import { Links, type LinksPort } from '../../src/net/worker/links.ts'
import type { MemberId } from '../../src/raft/types.ts'
import type { PeerMessage } from '../../src/replica/types.ts'
import type { FromLinksWorker, ToLinksWorker } from './links-messages.ts'

/** A tab's worker with nothing in it but links: does what the page says and reports all that happens. */
let links: Links | undefined
let self: MemberId = 0

function now(): number {
  return performance.timeOrigin + performance.now()
}

function say(report: FromLinksWorker['report'], at = now()): void {
  const message: FromLinksWorker = { at, report }
  postMessage(message)
}

/** Tells the page what its mesh is told, too. */
function overheard(port: MessagePort): LinksPort {
  return {
    postMessage(message: FromLinks) {
      say({ kind: 'told', message })
      port.postMessage(message)
    },
    addEventListener: (type: 'message', listener: (event: MessageEvent<ToLinks>) => void) =>
      port.addEventListener(type, listener),
    start: () => port.start(),
  }
}

addEventListener('message', (event: MessageEvent<ToLinksWorker>) => {
  const command = event.data
  switch (command.kind) {
    case 'start':
      self = command.member
      links = new Links({
        peer: command.peer,
        port: overheard(command.port),
        clock: {
          now: () => performance.now(),
          every(ms, callback) {
            const timer = setInterval(callback, ms)
            return () => clearInterval(timer)
          },
        },
        onUp: member => say({ kind: 'up', member }),
        onDown: member => say({ kind: 'down', member }),
        onMessage: (from, _to, message) => received(from, message),
        onChange: () => say({ kind: 'links', links: links?.status() ?? [] }),
      })
      links.setMembers([self])
      break
    case 'say':
      links?.send(self, command.to, { kind: 'join', member: command.word })
      links?.flush()
      break
    case 'sendSnapshot': {
      const parts = snapshot(command.bytes)
      say({ kind: 'sending', bytes: command.bytes })
      for (const part of parts) links?.send(self, command.to, part)
      links?.flush()
      break
    }
    case 'lookAtLinks':
      say({ kind: 'lookedAt', links: links?.status() ?? [] })
      break
    case 'block': {
      const until = performance.now() + command.ms
      while (performance.now() < until);
      break
    }
    case 'bye':
      links?.bye()
      break
  }
})

let arriving = { received: 0, intact: true }

function received(from: MemberId, message: PeerMessage): void {
  if (message.kind === 'join') say({ kind: 'heard', from, word: message.member })
  else if (message.kind === 'snapshotChunk') {
    const { offset, data, bytes } = message.chunk
    const goesOn = offset === 0 || offset === arriving.received
    const intact = (offset === 0 || arriving.intact) && goesOn && data.every((byte, at) => byte === (offset + at) % 251)
    arriving = { received: offset + data.length, intact }
    if (arriving.received === bytes) say({ kind: 'snapshot', from, bytes, intact }, now())
  }
}

/** In parts, as a replica sends it, but all at once. */
function snapshot(bytes: number): PeerMessage[] {
  const confState = { voters: [self], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  const metadata = { confState, index: 1, term: 1 }
  const whole = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++) whole[at] = at % 251
  const parts: PeerMessage[] = []
  for (let offset = 0; offset < bytes; offset += partBytes) {
    const data = whole.subarray(offset, offset + partBytes)
    parts.push({ kind: 'snapshotChunk', chunk: { term: 1, metadata, checksum: 0, bytes, offset, data, round: 1 } })
  }
  return parts
}

const partBytes = 60 * 1024
