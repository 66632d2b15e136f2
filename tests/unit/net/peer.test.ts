import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ToLinks } from '../../../src/net/links-protocol.ts'
import { Handover } from '../../../src/net/page/connection.ts'
import { Peer, relayAfterMs } from '../../../src/net/page/peer.ts'
import type { PeerSignal } from '../../../src/net/page/peer-signal.ts'
import type { Seated } from '../../../src/net/page/relay-seat.ts'
import type { TabRole } from '../../../src/replica/types.ts'
import { settle } from './page-fakes.ts'

/** What simple-peer is to a connection: the tests say what becomes of it. */
const { made } = vi.hoisted(() => ({ made: [] as FakeSimplePeer[] }))

interface FakeSimplePeer {
  readonly initiator: boolean
  readonly signals: unknown[]
  destroyed: boolean
  emit(event: string, value?: unknown): void
}

vi.mock('simple-peer/simplepeer.min.js', () => {
  class FakePeer implements FakeSimplePeer {
    static readonly WEBRTC_SUPPORT = true
    readonly initiator: boolean
    readonly signals: unknown[] = []
    readonly #listeners = new Map<string, (value: unknown) => void>()
    readonly _pc = { createDataChannel: (label: string) => ({ label }) }
    destroyed = false

    constructor({ initiator }: { initiator: boolean }) {
      this.initiator = initiator
      made.push(this)
    }

    on(event: string, listener: (value: unknown) => void) {
      this.#listeners.set(event, listener)
    }

    emit(event: string, value?: unknown) {
      this.#listeners.get(event)?.(value)
    }

    resume() {}

    signal(data: unknown) {
      this.signals.push(data)
    }

    destroy() {
      this.destroyed = true
    }
  }
  return { default: FakePeer }
})

const offer = { type: 'offer', sdp: 'v=0' } as const
const hourMs = 3_600_000

let posted: ToLinks[]
let said: PeerSignal[]
let seated: Set<Seated>
let reachable: boolean

beforeEach(() => {
  // Not what promises take: the keys of a relay are made between two timers.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  made.length = 0
  posted = []
  said = []
  seated = new Set()
  reachable = true
})
afterEach(() => vi.useRealTimers())

function peer({ dials = true, role = 'editor' as TabRole } = {}): Peer {
  // The fakes' channels are no channels, and are not looked at.
  const port = { postMessage: (message: ToLinks) => posted.push(message) } as unknown as MessagePort
  return new Peer({
    name: 'them',
    role,
    dials,
    direct: { handover: new Handover(port), rtcConfiguration: () => ({}) },
    relay: {
      seat: {
        need: user => {
          seated.add(user)
          user.onSeat('our seat')
        },
        release: user => seated.delete(user),
      },
      seal: {
        relaySalt: async () => 'salt',
        relayKeys: async () => ({ sendKey: {} as CryptoKey, receiveKey: {} as CryptoKey }),
      },
      post: message => posted.push(message),
    },
    say: signal => said.push(signal),
    reachable: () => reachable,
    onChange: () => {},
  })
}

/** One that we dial and know to be there, with all ways open. */
function known(ways = { direct: true, relay: true }): Peer {
  const one = peer()
  one.wish('link')
  one.met(ways)
  return one
}

function lastLink(kind: 'webrtc' | 'relay'): number {
  const last = posted.findLast(message => message.type === 'channels' && message.kind === kind)
  if (last?.type !== 'channels') throw new Error(`no ${kind} channels were handed over`)
  return last.link
}

function relayOffers() {
  return said.filter(signal => signal.kind === 'relay')
}

/** The peer takes part in what was last offered over the relay, and the link comes up. */
async function relayUp(one: Peer): Promise<number> {
  await settle()
  const last = relayOffers().at(-1)
  if (last === undefined) throw new Error('no relay was offered')
  one.relayed({ ...last, address: 'their seat', salt: 'their salt' })
  await settle()
  const link = lastLink('relay')
  one.heardUp(link)
  return link
}

test('the direct way is tried first, and the relay only when that has not come up in time', async () => {
  known()
  expect(made).toHaveLength(1)
  vi.advanceTimersByTime(relayAfterMs - 1)
  expect(seated.size).toBe(0)
  vi.advanceTimersByTime(1)
  await settle()
  expect(relayOffers()).toHaveLength(1)
})

test('where one of the two has no WebRTC the relay is taken at once, and nothing is dialed', async () => {
  const one = known({ direct: false, relay: true })
  await relayUp(one)
  expect(one.linked).toBe(true)
  expect(made).toEqual([])
  vi.advanceTimersByTime(hourMs)
  expect(made).toEqual([])
})

test('where neither way is open nothing is done', () => {
  known({ direct: false, relay: false })
  vi.advanceTimersByTime(hourMs)
  expect(made).toEqual([])
  expect(said).toEqual([])
})

test('who the peer is is told the worker with the channels, before anything can come through them', () => {
  known()
  const link = lastLink('webrtc')
  expect(posted.slice(-2)).toMatchObject([
    { type: 'channels', link },
    { type: 'role', link, role: 'editor' },
  ])
})

test('while the relay serves, the direct way is tried more and more rarely, and takes over when it comes up', async () => {
  const one = known()
  vi.advanceTimersByTime(relayAfterMs)
  const relayed = await relayUp(one)
  const dialsIn = (ms: number) => {
    const before = made.length
    vi.advanceTimersByTime(ms)
    return made.length - before
  }
  const [early, late] = [dialsIn(120_000), dialsIn(hourMs)]
  expect(early).toBeGreaterThanOrEqual(2)
  expect(late).toBeGreaterThanOrEqual(hourMs / 620_000)
  expect(late).toBeLessThan(30)
  expect(one.linked).toBe(true)

  one.tryNow()
  one.heardUp(lastLink('webrtc'))
  expect(one.linked).toBe(true)
  expect(seated.size).toBe(0)
  expect(posted).toContainEqual({ type: 'closed', link: relayed })
  expect(dialsIn(hourMs)).toBe(0)
})

test('a link that is lost is dialed again at once, then after longer and longer, and the relay helps out meanwhile', async () => {
  const one = known()
  const link = lastLink('webrtc')
  one.heardUp(link)
  one.heardDown(link, 'silent')
  expect(made[0]?.destroyed).toBe(true)
  vi.advanceTimersByTime(100)
  expect(made).toHaveLength(2)
  vi.advanceTimersByTime(relayAfterMs)
  await relayUp(one)
  expect(one.linked).toBe(true)
})

test('a network that comes back is tried at once', () => {
  const one = known({ direct: true, relay: false })
  vi.advanceTimersByTime(hourMs)
  made.at(-1)?.emit('close')
  const before = made.length
  one.tryNow()
  expect(made).toHaveLength(before + 1)
})

test('who said bye is not dialed again', () => {
  const one = known()
  const link = lastLink('webrtc')
  one.heardUp(link)
  one.heardDown(link, 'bye')
  one.met({ direct: true, relay: true })
  vi.advanceTimersByTime(hourMs)
  expect(made).toHaveLength(1)
  expect(relayOffers()).toEqual([])
})

test('who cannot be spoken to is not dialed', () => {
  known()
  reachable = false
  made[0]?.emit('close')
  vi.advanceTimersByTime(hourMs)
  expect(made).toHaveLength(1)
})

test('an offer under a new number takes the place of what there was; one under an old number is late', () => {
  const one = peer({ dials: false })
  one.wish('link')
  one.met({ direct: true, relay: true })
  expect(made).toEqual([])
  one.signaled(5, offer)
  one.signaled(4, offer)
  expect(made).toHaveLength(1)
  one.signaled(6, offer)
  expect(made).toHaveLength(2)
  expect(made[0]?.destroyed).toBe(true)
  expect(made[1]?.initiator).toBe(false)
})

test('the offer of a relay is answered, with keys for the worker first', async () => {
  const one = peer({ dials: false, role: 'viewer' })
  one.wish('link')
  one.met({ direct: false, relay: true })
  one.relayed({ kind: 'relay', attempt: 3, address: 'their seat', salt: 'their salt' })
  await settle()
  expect(posted.at(-1)).toMatchObject({ type: 'channels', kind: 'relay', role: 'viewer', to: 'their seat' })
  expect(said).toEqual([{ kind: 'relay', attempt: 3, address: 'our seat', salt: 'salt' }])
})

test('whom we are to be linked with and who is to dial is asked to, again and again, more and more rarely', () => {
  const one = peer({ dials: false })
  one.wish('ask')
  one.met({ direct: true, relay: true })
  expect(said).toEqual([{ kind: 'ask' }])
  vi.advanceTimersByTime(hourMs)
  expect(said.length).toBeGreaterThan(hourMs / 61_000)
  expect(said.length).toBeLessThan(150)
  one.signaled(1, offer)
  one.heardUp(lastLink('webrtc'))
  const asked = said.length
  vi.advanceTimersByTime(hourMs)
  expect(said).toHaveLength(asked)
})

test('who is full is left in peace for a while', () => {
  const one = known()
  one.turnedAway()
  expect(made[0]?.destroyed).toBe(true)
  vi.advanceTimersByTime(2_000)
  expect(made).toHaveLength(1)
  vi.advanceTimersByTime(3_000)
  expect(made).toHaveLength(2)
})

test('a guest is dialed when it asks, and not called back when it is gone', () => {
  const one = peer()
  one.wish('none')
  one.met({ direct: true, relay: true })
  vi.advanceTimersByTime(hourMs)
  expect(made).toEqual([])
  one.invite()
  expect(made).toHaveLength(1)
  one.heardUp(lastLink('webrtc'))
  one.heardDown(lastLink('webrtc'), 'closed')
  vi.advanceTimersByTime(hourMs)
  expect(made).toHaveLength(1)
})

test('a link that was too many is not dialed again until it is wanted', () => {
  const one = known()
  one.heardUp(lastLink('webrtc'))
  one.wish('none')
  one.heardDown(lastLink('webrtc'), 'surplus')
  vi.advanceTimersByTime(hourMs)
  expect(made).toHaveLength(1)
  one.wish('ask')
  expect(made).toHaveLength(2)
})
