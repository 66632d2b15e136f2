import type { FromLinks, ToLinks } from '../../src/net/links-protocol.ts'
import { Links, type LinksPort } from '../../src/net/worker/links.ts'
import { EMPTY_BYTES, type MemberId, type Message } from '../../src/raft/types.ts'
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
      const message = snapshot(command.bytes)
      say({ kind: 'sending', bytes: command.bytes })
      links?.send(self, command.to, message)
      links?.flush()
      break
    }
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

function received(from: MemberId, message: PeerMessage): void {
  if (message.kind === 'join') say({ kind: 'heard', from, word: message.member })
  else if (message.kind === 'raft' && message.message.snapshot !== null) {
    const { data } = message.message.snapshot
    const at = now()
    say({ kind: 'snapshot', from, bytes: data.length, intact: data.every((byte, at) => byte === at % 251) }, at)
  }
}

function snapshot(bytes: number): PeerMessage {
  const confState = { voters: [self], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  const data = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++) data[at] = at % 251
  const message: Message = {
    type: 'MsgSnap',
    to: 0,
    from: self,
    term: 1,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0,
    snapshot: { metadata: { confState, index: 1, term: 1 }, data },
    reject: false,
    rejectHint: 0,
    context: EMPTY_BYTES,
    responses: [],
  }
  return { kind: 'raft', message }
}
