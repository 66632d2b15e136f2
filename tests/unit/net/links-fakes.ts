import type { FromLinks, ToLinks } from '../../../src/net/links-protocol.ts'
import { Links, type LinksClock, type LinksOptions } from '../../../src/net/worker/links.ts'
import type { MemberId } from '../../../src/raft/types.ts'
import type { PeerMessage, TabRole } from '../../../src/replica/types.ts'

/** Time that stands still until it is told to pass. */
export class ManualClock implements LinksClock {
  #now = 1_000
  readonly #timers = new Set<{ ms: number; at: number; callback: () => void }>()

  now(): number {
    return this.#now
  }

  every(ms: number, callback: () => void): () => void {
    const timer = { ms, at: this.#now + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass with every timer on time; `after` runs after each. */
  pass(ms: number, after: () => void = () => {}): void {
    const end = this.#now + ms
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#now = next.at
      next.at += next.ms
      next.callback()
      after()
    }
    this.#now = end
  }

  /** Lets time pass with nothing running, as in a frozen tab. */
  jump(ms: number): void {
    this.#now += ms
    for (const timer of this.#timers) timer.at = this.#now
  }
}

/** One end of a data channel whose bytes move only when `deliver` says so. Behaves as the engines' do where it matters here. */
export class FakeDataChannel {
  readyState: RTCDataChannelState = 'connecting'
  binaryType = 'blob'
  bufferedAmountLowThreshold = 0
  onopen: (() => void) | null = null
  onclose: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onbufferedamountlow: (() => void) | null = null
  /** The most that was ever buffered, in bytes. */
  highWater = 0
  framesSent = 0
  peer: FakeDataChannel | null = null
  #buffered = 0
  #inFlight: Uint8Array[] = []

  get bufferedAmount(): number {
    return this.#buffered
  }

  open(): void {
    this.readyState = 'open'
    this.onopen?.()
  }

  send(data: Uint8Array | ArrayBuffer): void {
    if (this.readyState !== 'open') throw new DOMException('not open', 'InvalidStateError')
    const frame = new Uint8Array(data)
    this.framesSent++
    this.#inFlight.push(frame)
    this.#buffered += frame.length
    this.highWater = Math.max(this.highWater, this.#buffered)
  }

  /** Moves the next frame to the other end; false when there is none. */
  deliver(): boolean {
    const frame = this.#inFlight.shift()
    if (frame === undefined) return false
    const before = this.#buffered
    this.#buffered -= frame.length
    this.peer?.receive(frame.buffer)
    if (before > this.bufferedAmountLowThreshold && this.#buffered <= this.bufferedAmountLowThreshold) {
      this.onbufferedamountlow?.()
    }
    return true
  }

  receive(data: unknown): void {
    if (this.readyState !== 'closed') this.onmessage?.({ data })
  }

  close(): void {
    this.readyState = 'closing'
  }

  /** The closing of this end reaches the other, after all that was sent. */
  finishClosing(): void {
    while (this.deliver());
    const wasAsked = this.readyState === 'closing'
    this.readyState = 'closed'
    const { peer } = this
    if (peer !== null && peer.readyState !== 'closed') {
      peer.readyState = 'closed'
      peer.onclose?.()
    }
    if (wasAsked) this.onclose?.()
  }
}

export class FakePort {
  readonly heard: FromLinks[] = []
  #listener: ((event: MessageEvent<ToLinks>) => void) | null = null

  postMessage(message: FromLinks): void {
    this.heard.push(message)
  }

  addEventListener(_type: 'message', listener: (event: MessageEvent<ToLinks>) => void): void {
    this.#listener = listener
  }

  start(): void {}

  fromPage(message: ToLinks): void {
    this.#listener?.(new MessageEvent('message', { data: message }))
  }
}

function noRelay(): never {
  throw new Error('no relay here')
}

/** A tab's worker half, with what it said in the order it was said. */
export class FakeTab {
  readonly port = new FakePort()
  readonly said: string[] = []
  readonly messages: { from: MemberId; to: MemberId; message: PeerMessage }[] = []
  readonly links: Links
  readonly name: string
  changes = 0

  constructor(
    name: string,
    clock: LinksClock,
    members: readonly MemberId[],
    connect: NonNullable<LinksOptions['connect']> = noRelay,
  ) {
    this.name = name
    this.links = new Links({
      peer: name,
      port: this.port,
      clock,
      connect,
      onUp: member => this.said.push(`up ${member}`),
      onDown: member => this.said.push(`down ${member}`),
      onMessage: (from, to, message) => this.messages.push({ from, to, message }),
      onChange: () => {
        this.changes++
      },
    })
    this.links.setMembers(members)
  }
}

/** A connection between two tabs: its four channel ends. */
export class FakeConnection {
  readonly left = { raft: new FakeDataChannel(), bulk: new FakeDataChannel() }
  readonly right = { raft: new FakeDataChannel(), bulk: new FakeDataChannel() }

  /** `dialedAs`: the name under which the left tab's page believes to have dialed. */
  constructor(left: FakeTab, right: FakeTab, link: number, dialedAs = right.name) {
    for (const lane of ['raft', 'bulk'] as const) {
      this.left[lane].peer = this.right[lane]
      this.right[lane].peer = this.left[lane]
    }
    give(left, dialedAs, link, this.left)
    give(right, left.name, link, this.right)
  }

  get #ends(): FakeDataChannel[] {
    return [this.left.raft, this.right.raft, this.left.bulk, this.right.bulk]
  }

  open(): this {
    for (const end of this.#ends) end.open()
    this.settle()
    return this
  }

  /** Delivers until nothing is on its way. */
  settle(): void {
    while (this.#ends.map(end => end.deliver()).includes(true));
  }
}

export function give(
  tab: FakeTab,
  peer: string,
  link: number,
  channels: { raft: FakeDataChannel; bulk: FakeDataChannel },
  role: TabRole | null = 'editor',
): void {
  // The fakes are all that `transferredChannel` touches of a data channel.
  const { raft, bulk } = channels as unknown as { raft: RTCDataChannel; bulk: RTCDataChannel }
  tab.port.fromPage({ type: 'channels', link, peer, kind: 'webrtc', raft, bulk })
  if (role !== null) tab.port.fromPage({ type: 'role', link, role })
}
