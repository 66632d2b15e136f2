import type { Links } from '../net/worker/links.ts'
import type { HostedMember } from './hosted-member.ts'

/** A channel dies with its page and takes along what has not left yet. Where nothing tells when it has, so long is given to it; */
const goodbyeFlightMs = 8
/** where its peers tell, as long as it takes, but no longer than this: one that is dead never does. */
const goodbyeFlightMsMax = 300

/**
 * The page goes away, or is about to be frozen: all members of this worker hand over what others depend on, and then the page, which
 * holds the door meanwhile, is let go.
 */
export class Parting {
  readonly #door: Int32Array | null
  readonly #links: Pick<Links, 'flush' | 'bye'>
  #phase: 'here' | 'freezing' | 'leaving' = 'here'
  /** What the page was not answered is in the outbox. */
  #kept: Promise<void> = Promise.resolve()
  #onLeft: () => void = () => {}

  constructor(door: Int32Array | null, links: Pick<Links, 'flush' | 'bye'>) {
    this.#door = door
    this.#links = links
  }

  /** `kept`: resolves when what the page was not answered is durable. Returns the input that tells the members. */
  begin(phase: 'freezing' | 'leaving', kept: Promise<void>): { readonly kind: 'leave'; readonly fate: 'demote' } {
    this.#phase = phase
    this.#kept = kept.catch(() => {})
    return { kind: 'leave', fate: 'demote' }
  }

  /** Resolves when the page that is leaving may go. */
  left(): Promise<void> {
    return new Promise(resolve => {
      this.#onLeft = resolve
    })
  }

  /** Frozen is not gone: it comes back to the links it had, if its peers keep them. */
  wake(): void {
    if (this.#phase === 'freezing') this.#phase = 'here'
  }

  /** To be asked whenever it may have become so. */
  openDoorIf(members: Iterable<HostedMember>): void {
    if (this.#phase === 'here') return
    for (const { hasLeft } of members) if (!hasLeft) return
    this.#links.flush()
    const heard = this.#phase === 'leaving' ? this.#links.bye() : undefined
    const flown = Promise.all([pause(goodbyeFlightMs), Promise.race([heard, pause(goodbyeFlightMsMax)])])
    Promise.all([flown, this.#kept]).then(() => {
      if (this.#door !== null) Atomics.store(this.#door, 0, 1)
      this.#onLeft()
    })
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
