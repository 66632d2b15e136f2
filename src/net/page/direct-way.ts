import type { SignalData } from 'simple-peer'
import type { TabRole } from '../../replica/types.ts'
import type { LinkId } from '../links-protocol.ts'
import { Connection, type Handover } from './connection.ts'
import { nextLink } from './link-ids.ts'

/** From the first signal of an attempt until the worker has heard hello. */
export const dialTimeoutMs = 10_000

interface Attempt {
  readonly connection: Connection
  readonly number: number
  readonly timer: ReturnType<typeof setTimeout>
}

type State = { readonly phase: 'idle' } | ({ readonly phase: 'trying' | 'up' } & Attempt)

export interface DirectWayOptions {
  readonly peer: string
  readonly role: TabRole
  /** Of the two, it is us who dials. */
  readonly dials: boolean
  readonly handover: Handover
  /** Read anew for each attempt. */
  readonly rtcConfiguration: () => RTCConfiguration
  readonly say: (attempt: number, data: SignalData) => void
  /** The attempt failed, or the link is over. Not after `end`. */
  readonly onLost: () => void
}

/** The way to a peer by WebRTC: one connection at a time, which either end may be the first to give up. */
export class DirectWay {
  readonly #options: DirectWayOptions
  #state: State = { phase: 'idle' }
  /** Highest attempt seen of a peer that dials us: what belongs to a lower one is late. */
  #lastHeard = 0

  constructor(options: DirectWayOptions) {
    this.#options = options
  }

  get phase(): State['phase'] {
    return this.#state.phase
  }

  get link(): LinkId | null {
    return this.#state.phase === 'idle' ? null : this.#state.connection.link
  }

  dial(): void {
    const link = nextLink()
    this.#connect(link, link)
  }

  /** An offer that begins a new attempt: the peer has given up what there was. */
  begins(attempt: number, data: SignalData): boolean {
    return !this.#options.dials && attempt > this.#lastHeard && 'type' in data && data.type === 'offer'
  }

  heard(attempt: number, data: SignalData): void {
    if (this.begins(attempt, data)) {
      this.#lastHeard = attempt
      this.end()
      this.#connect(nextLink(), attempt)
    }
    const state = this.#state
    if (state.phase === 'idle' || state.number !== attempt) return
    state.connection.signal(data)
  }

  up(): void {
    if (this.#state.phase !== 'trying') return
    clearTimeout(this.#state.timer)
    this.#state = { ...this.#state, phase: 'up' }
  }

  end(): void {
    if (this.#state.phase === 'idle') return
    const { connection, timer } = this.#state
    clearTimeout(timer)
    this.#state = { phase: 'idle' }
    connection.destroy()
    this.#options.handover.closed(connection.link)
  }

  #connect(link: LinkId, number: number): void {
    const { peer, role, dials, handover, rtcConfiguration, say } = this.#options
    const lost = () => {
      if (this.link !== link) return
      this.end()
      this.#options.onLost()
    }
    const connection = new Connection({
      link,
      peer,
      initiator: dials,
      rtcConfiguration: rtcConfiguration(),
      handover,
      onSignal: data => say(number, data),
      onClosed: lost,
    })
    // Whatever description comes, it is sealed in the peer's name, and with it the fingerprint of whoever can be at the other end.
    handover.giveRole(link, role)
    this.#state = { phase: 'trying', connection, number, timer: setTimeout(lost, dialTimeoutMs) }
  }
}
