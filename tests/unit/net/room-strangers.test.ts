import { expect, test, vi } from 'vitest'
import type { Carrier, CarrierEvent } from '../../../src/net/page/carrier.ts'
import type { SealKeys } from '../../../src/net/page/keys.ts'
import { type PeerSignal, readPeerSignal } from '../../../src/net/page/peer-signal.ts'
import { Room } from '../../../src/net/page/room.ts'
import { Seal } from '../../../src/net/page/seal.ts'
import type { TabRole } from '../../../src/replica/types.ts'
import { roomKeys } from './room-keys.ts'

const { editors, viewers } = await roomKeys()

interface Parcel {
  readonly from: string
  readonly to: string
  readonly payload: string
}

/** A server without a wire: brings everybody everything, and keeps a copy. */
class Post {
  readonly carried: Parcel[] = []
  readonly #doors = new Map<string, (event: CarrierEvent) => void>()

  at(address: string, onEvent: (event: CarrierEvent) => void): Carrier {
    this.#doors.set(address, onEvent)
    return { address, send: (to, payload) => this.carry({ from: address, to, payload }) }
  }

  carry({ from, to, payload }: Parcel): void {
    this.carried.push({ from, to, payload })
    this.#doors.get(to)?.({ kind: 'message', from, payload })
  }

  tell(address: string, event: CarrierEvent): void {
    this.#doors.get(address)?.(event)
  }
}

interface Met {
  readonly peer: string
  readonly role: TabRole
}

/** A tab of the room, at the address of its name. */
function tabOf(post: Post, keys: SealKeys, peer: string) {
  const met: Met[] = []
  const moved: string[] = []
  const heard: { readonly peer: string; readonly signal: PeerSignal }[] = []
  const seal = Seal.create(keys, peer)
  const room = new Room({
    peer,
    ways: { direct: true, relay: true },
    seal,
    signal: new AbortController().signal,
    events: {
      onMet: (peer, role) => met.push({ peer, role }),
      onMoved: peer => moved.push(peer),
      onGone: () => {},
      onSignal: (peer, signal) => heard.push({ peer, signal }),
    },
  })
  room.add(onEvent => post.at(`at ${peer}`, onEvent))
  return { room, seal, met, moved, heard }
}

function present(post: Post, to: string, ...addresses: string[]): void {
  post.tell(to, { kind: 'present', addresses })
}

/** Everybody has opened what came until now. */
async function settled(...tabs: { readonly seal: Seal }[]): Promise<void> {
  for (const { seal } of tabs) expect(await seal.open('', '')).toBeNull()
}

const ask = signal({ kind: 'ask' })
const greeting = signal({ kind: 'greet', answer: true, direct: true, relay: true, others: [] })

function signal(value: object): PeerSignal {
  const read = readPeerSignal(value)
  if (read === null) throw new Error('no signal')
  return read
}

test('two that come together know each other, each by what the other addressed to it', async () => {
  const post = new Post()
  const [a, b] = [tabOf(post, editors, 'a'), tabOf(post, editors, 'b')]
  present(post, 'at b', 'at a')
  await vi.waitFor(() => expect(a.met).toEqual([{ peer: 'b', role: 'editor' }]))
  expect(b.met).toEqual([{ peer: 'a', role: 'editor' }])
})

test('an old greeting is answered, and nobody is known by it', async () => {
  const post = new Post()
  const a = tabOf(post, editors, 'a')
  const payload = await Seal.create(editors, 'ghost').seal(null, greeting, 'at ghost')
  post.carry({ from: 'at ghost', to: 'at a', payload })
  await vi.waitFor(() => expect(post.carried).toHaveLength(2))
  expect(a.met).toEqual([])
  expect(a.room.reaches('ghost')).toBe(false)
})

test('a stranger between two tabs that passes on what they say, changes nothing', async () => {
  const post = new Post()
  post.at('at stranger', () => {})
  const [a, b] = [tabOf(post, editors, 'a'), tabOf(post, editors, 'b')]
  // All that anybody says to the stranger it says to the other, and so it does with all that it sees on the way.
  present(post, 'at a', 'at stranger', 'at b')
  await vi.waitFor(() => expect(a.met).toHaveLength(1))
  for (const { to, payload } of [...post.carried]) {
    const others = to === 'at stranger' ? ['at a', 'at b'] : [to]
    for (const to of others) post.carry({ from: 'at stranger', to, payload })
  }
  await settled(a, b)
  expect([a.moved, b.moved]).toEqual([[], []])
  expect([a.met.length, b.met.length]).toEqual([1, 1])
  const before = post.carried.length
  a.room.say('b', { kind: 'ask' })
  await vi.waitFor(() => expect(b.heard).toMatchObject([{ peer: 'a', signal: ask }]))
  expect(post.carried.slice(before)).toMatchObject([{ from: 'at a', to: 'at b' }])
})

test('one address is one peer: a viewer that makes up names is known by one of them', async () => {
  const post = new Post()
  const a = tabOf(post, editors, 'a')
  for (let i = 0; i < 20; i++) {
    const payload = await Seal.create(viewers, `made up ${i}-viewer`).seal('a', greeting, 'at viewer')
    post.carry({ from: 'at viewer', to: 'at a', payload })
  }
  await settled(a)
  expect(a.met).toEqual([{ peer: 'made up 0-viewer', role: 'viewer' }])
})
