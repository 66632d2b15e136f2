import type { Channel, ChannelEvents } from './channel.ts'
import { openSealed, Sealer, sealBytes } from './relay-seal.ts'
import { decodeRelayWord, encodeRelayWord, type RelayLane, type RelayWord } from './relay-words.ts'

/**
 * Bytes of frames that may be under way on each lane of one relayed link, that is, not yet taken in by the other end: so a relay never
 * holds more for a receiver that has stopped reading, nor does the receiver. Eight such links, a full mesh, fit into what the
 * signaling server keeps for one relay (`relayBufferBytesMax` there).
 */
export const relayWindowBytesMax: Readonly<Record<RelayLane, number>> = { raft: 128 * 1024, bulk: 384 * 1024 }
/**
 * The other end is told of what was taken in once it is so much. What it was not told of yet must leave room for a frame in the smallest
 * share of a window that a class of messages has, or that class would wait for ever.
 */
const takenBytesMin = 32 * 1024
/** Under way to here, as they come: the windows, and the words that no window counts. */
const arrivingBytesMax = relayWindowBytesMax.raft + relayWindowBytesMax.bulk + 64 * 1024

/**
 * `greeting`: the other end was not heard yet; its page may still be at it. `closing`: both channels were closed here, and what they took
 * is still to be sent.
 */
type Phase = 'greeting' | 'open' | 'closing' | 'over'

export interface RelayPathOptions {
  readonly sendKey: CryptoKey
  readonly receiveKey: CryptoKey
  /** There is something to send: see `next`. */
  readonly onReady: () => void
  /** Once: it can be forgotten. */
  readonly onOver: () => void
}

interface LaneState {
  readonly waiting: Uint8Array[]
  /** Of what `send` took, what the other end has not taken in. */
  underWay: number
  /** Of what came, what the other end was not told of yet. */
  taken: number
  events: ChannelEvents | null
}

/**
 * One relayed link: two channels in one stream of sealed frames. What is sealed goes out in the order it was asked for, and what is
 * opened is passed on in the order it came, though sealing and opening take their time.
 *
 * An end that is not there yet, or no longer knows this link's keys, cannot answer; so both say `open` until each has heard the
 * other, and only then do the channels open. From then on every frame has to be the next one: anything else ends the link.
 */
export class RelayPath {
  readonly #options: RelayPathOptions
  readonly #sealer: Sealer
  #phase: Phase = 'greeting'
  /** The number under which the other end's next frame is sealed, once it was heard. */
  #nextCount = 0
  /** The word to say, if any. */
  #greeting: Extract<RelayWord, { kind: 'open' }> | null = { kind: 'open', heard: false }
  readonly #lanes: Readonly<Record<RelayLane, LaneState>> = { raft: newLane(), bulk: newLane() }
  #arriving = Promise.resolve()
  #arrivingBytes = 0

  constructor(options: RelayPathOptions) {
    this.#options = options
    this.#sealer = new Sealer(options.sendKey)
  }

  get closing(): boolean {
    return this.#phase === 'closing'
  }

  /** To be called once for each lane. */
  channel(lane: RelayLane, events: ChannelEvents): Channel {
    const state = this.#lanes[lane]
    state.events = events
    if (this.#phase === 'over') queueMicrotask(() => this.#tellClosed(state))
    const isOpen = () => this.#phase === 'open' && state.events !== null
    return {
      windowBytesMax: relayWindowBytesMax[lane],
      get open() {
        return isOpen()
      },
      get bufferedAmount() {
        return state.underWay
      },
      send: frame => {
        if (!isOpen()) return false
        state.underWay += frame.length
        state.waiting.push(frame.slice())
        this.#options.onReady()
        return true
      },
      close: onGone => {
        state.events = null
        if (this.#lanes.raft.events === null && this.#lanes.bulk.events === null) this.#close()
        onGone?.()
      },
    }
  }

  /**
   * The next word to send, sealed: of the urgent ones, or when there is none of these, of all if `bulk`. Null if there is none. To be sent
   * in the order of the calls.
   */
  next(bulk: boolean): { readonly bytes: number; readonly sealed: Promise<Uint8Array<ArrayBuffer>> } | null {
    const word = this.#nextWord(bulk)
    if (word === null) return null
    const content = encodeRelayWord(word)
    return { bytes: content.length + sealBytes, sealed: this.#sealer.seal(content) }
  }

  /** Sealed bytes that came from the other end's address. */
  receive(sealed: Uint8Array<ArrayBuffer>): void {
    if (this.#phase === 'over') return
    this.#arrivingBytes += sealed.length
    if (this.#arrivingBytes > arrivingBytesMax) {
      this.fail()
      return
    }
    const opened = openSealed(this.#options.receiveKey, sealed)
    this.#arriving = this.#arriving.then(async () => {
      const content = await opened
      this.#arrivingBytes -= sealed.length
      this.#take(content?.count ?? null, content && decodeRelayWord(content.content))
    })
  }

  /** The way to the other end is gone, or the other end is not who it was. */
  fail(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#options.onOver()
    for (const lane of Object.values(this.#lanes)) {
      lane.waiting.length = 0
      this.#tellClosed(lane)
    }
  }

  #nextWord(bulk: boolean): RelayWord | null {
    const { raft, bulk: large } = this.#lanes
    const greeting = this.#greeting
    if (greeting !== null) {
      this.#greeting = null
      return greeting
    }
    if (raft.taken >= takenBytesMin || large.taken >= takenBytesMin) {
      const word = { kind: 'taken', raft: raft.taken, bulk: large.taken } as const
      raft.taken = 0
      large.taken = 0
      return word
    }
    const frame = raft.waiting.shift()
    if (frame !== undefined) return { kind: 'raft', frame }
    const largeFrame = bulk ? large.waiting.shift() : undefined
    if (largeFrame !== undefined) return { kind: 'bulk', frame: largeFrame }
    if (this.#phase === 'closing' && large.waiting.length === 0) {
      this.#phase = 'over'
      this.#options.onOver()
      return { kind: 'close' }
    }
    return null
  }

  #take(count: number | null, word: RelayWord | null): void {
    switch (this.#phase) {
      case 'greeting':
        // Until it is heard, what comes from there may be of a link that was there before.
        if (count !== null && word?.kind === 'open') this.#meet(count, word.heard)
        break
      case 'open':
        if (word === null || count !== this.#nextCount) {
          this.#lanes.raft.events?.onGarbage()
          this.fail()
          break
        }
        this.#nextCount++
        this.#heard(word)
        break
      case 'closing':
      case 'over':
        break
    }
  }

  #meet(count: number, heard: boolean): void {
    this.#phase = 'open'
    this.#nextCount = count + 1
    if (!heard) this.#greeting = { kind: 'open', heard: true }
    this.#options.onReady()
    for (const { events } of Object.values(this.#lanes)) events?.onOpen()
  }

  #heard(word: RelayWord): void {
    switch (word.kind) {
      case 'open':
        break
      case 'raft':
      case 'bulk': {
        const lane = this.#lanes[word.kind]
        lane.events?.onFrame(word.frame)
        lane.taken += word.frame.length
        if (lane.taken >= takenBytesMin) this.#options.onReady()
        break
      }
      case 'taken':
        for (const name of ['raft', 'bulk'] as const) {
          const lane = this.#lanes[name]
          lane.underWay = Math.max(0, lane.underWay - word[name])
          if (word[name] > 0) lane.events?.onDrained()
        }
        break
      case 'close':
        this.fail()
        break
    }
  }

  #close(): void {
    if (this.#phase === 'over') return
    this.#phase = 'closing'
    this.#options.onReady()
  }

  #tellClosed(lane: LaneState): void {
    const { events } = lane
    lane.events = null
    events?.onClosed()
  }
}

function newLane(): LaneState {
  return { waiting: [], underWay: 0, taken: 0, events: null }
}
