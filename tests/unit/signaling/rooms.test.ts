import { expect, test } from 'vitest'
import type { Backplane, SharedRooms } from '../../../signaling/backplane.ts'
import { type Peer, Rooms } from '../../../signaling/rooms.ts'
import type { FromServer } from '../../../src/net/signaling-protocol.ts'

const limits = { peersMax: 6, roomPeersMax: 3 }

class RecordingPeer implements Peer {
  readonly id: string
  readonly heard: (FromServer | { type: 'welcome'; peers: readonly string[] } | { from: string; bytes: number[] })[] =
    []

  constructor(id: string) {
    this.id = id
  }

  welcome(peers: readonly string[]): void {
    this.heard.push({ type: 'welcome', peers })
  }

  send(message: FromServer): void {
    this.heard.push(message)
  }

  sendRelayed(from: string, payload: Uint8Array): void {
    this.heard.push({ from, bytes: [...payload] })
  }
}

/** Other instances that answer a join when the test says so. */
class SlowBackplane implements Backplane {
  readonly instance = 'here'
  readonly connected = true
  readonly counters = { sent: 0, received: 0, dropped: 0, undecodable: 0, connections: 0 }
  readonly left: string[] = []
  readonly sent: { from: string; to: string; payload: string | Uint8Array }[] = []
  rooms: SharedRooms | null = null
  answer: (others: readonly string[] | 'ROOM_FULL') => void = () => {}

  start(rooms: SharedRooms): void {
    this.rooms = rooms
  }

  join(): Promise<readonly string[] | 'ROOM_FULL'> {
    return new Promise(resolve => {
      this.answer = resolve
    })
  }

  leave(_room: string, id: string): void {
    this.left.push(id)
  }

  send(_room: string, from: string, to: string, payload: string | Uint8Array): void {
    this.sent.push({ from, to, payload })
  }

  async close(): Promise<void> {}
}

test('a full server refuses in every room, and has a place again when one leaves', async () => {
  const rooms = new Rooms(limits)
  const first = new RecordingPeer('first')
  expect(await rooms.join('room 0', first, 'peer')).toBe('joined')
  for (let count = 1; count < limits.peersMax; count++) {
    const room = `room ${Math.floor(count / limits.roomPeersMax)}`
    expect(await rooms.join(room, new RecordingPeer(`${count}`), 'peer')).toBe('joined')
  }
  expect(await rooms.join('new room', new RecordingPeer('late'), 'relay')).toBe('SERVER_FULL')
  expect(rooms.peerCount).toBe(limits.peersMax)
  rooms.leave('room 0', first)
  rooms.leave('room 0', first)
  expect(await rooms.join('new room', new RecordingPeer('late'), 'relay')).toBe('joined')
})

test('a room has as many places for relays as for peers, and neither takes those of the other', async () => {
  const rooms = new Rooms(limits)
  for (const as of ['peer', 'relay'] as const) {
    for (let count = 0; count < limits.roomPeersMax; count++) {
      expect(await rooms.join('room', new RecordingPeer(`${as} ${count}`), as)).toBe('joined')
    }
  }
  const roomier = new Rooms({ ...limits, peersMax: 100 })
  for (let count = 0; count < limits.roomPeersMax; count++) {
    await roomier.join('room', new RecordingPeer(`${count}`), 'relay')
  }
  expect(await roomier.join('room', new RecordingPeer('late'), 'relay')).toBe('ROOM_FULL')
  expect([roomier.peerCount, roomier.relayCount]).toEqual([0, limits.roomPeersMax])
})

test('a room that is empty is forgotten, and a refusal makes none', async () => {
  const rooms = new Rooms(limits)
  const peer = new RecordingPeer('peer')
  await rooms.join('room', peer, 'peer')
  expect(rooms.roomCount).toBe(1)
  rooms.leave('room', peer)
  rooms.leave('elsewhere', peer)
  expect([rooms.roomCount, rooms.peerCount]).toEqual([0, 0])
})

test('relays are announced to nobody, and texts and bytes reach only those they are meant for', async () => {
  const rooms = new Rooms(limits)
  const [peer, relay, other] = [new RecordingPeer('peer'), new RecordingPeer('relay'), new RecordingPeer('other')]
  await rooms.join('room', peer, 'peer')
  await rooms.join('room', relay, 'relay')
  await rooms.join('room', other, 'relay')
  rooms.pass('room', relay, 'other', Uint8Array.of(1, 2))
  rooms.pass('room', relay, 'peer', Uint8Array.of(3))
  rooms.pass('room', peer, 'relay', 'text')
  rooms.leave('room', relay)
  expect(peer.heard).toEqual([
    { type: 'welcome', peers: [] },
    { type: 'unreachable', to: 'relay' },
  ])
  expect(relay.heard).toEqual([
    { type: 'welcome', peers: [] },
    { type: 'unreachable', to: 'peer' },
  ])
  expect(other.heard).toEqual([
    { type: 'welcome', peers: [] },
    { from: 'relay', bytes: [1, 2] },
  ])
})

test('what comes before the other instances have answered waits for the welcome', async () => {
  const backplane = new SlowBackplane()
  const rooms = new Rooms(limits, backplane)
  const peer = new RecordingPeer('here1')
  const joining = rooms.join('room', peer, 'peer')
  expect(backplane.rooms?.deliver('room', 'there1', 'here1', 'hello')).toBe(true)
  backplane.rooms?.found('room', ['there2'])
  expect(peer.heard).toEqual([])
  backplane.answer(['there1', 'there2'])
  expect(await joining).toBe('joined')
  expect(peer.heard).toEqual([
    { type: 'welcome', peers: ['there1', 'there2'] },
    { type: 'message', from: 'there1', payload: 'hello' },
  ])
})

test('of two who come at the same time, who is welcome last is told of the other', async () => {
  const backplane = new SlowBackplane()
  const rooms = new Rooms(limits, backplane)
  const [a, b] = [new RecordingPeer('here1'), new RecordingPeer('here2')]
  const first = rooms.join('room', a, 'peer')
  const answerFirst = backplane.answer
  const second = rooms.join('room', b, 'peer')
  backplane.answer([])
  await second
  answerFirst([])
  await first
  expect(a.heard).toEqual([{ type: 'welcome', peers: ['here2'] }])
  expect(b.heard).toEqual([{ type: 'welcome', peers: [] }])
})

test('who leaves before it was let in is welcomed by nobody and missed by nobody', async () => {
  const backplane = new SlowBackplane()
  const rooms = new Rooms(limits, backplane)
  const [witness, peer] = [new RecordingPeer('here1'), new RecordingPeer('here2')]
  const there = rooms.join('room', witness, 'peer')
  backplane.answer([])
  await there
  const joining = rooms.join('room', peer, 'peer')
  rooms.leave('room', peer)
  backplane.answer([])
  await joining
  expect(backplane.left).toEqual(['here2'])
  expect(peer.heard).toEqual([])
  expect(witness.heard).toEqual([{ type: 'welcome', peers: [] }])
  expect(rooms.peerCount).toBe(1)
})

test('a room that is full with those elsewhere gives its place here back', async () => {
  const backplane = new SlowBackplane()
  const rooms = new Rooms(limits, backplane)
  const joining = rooms.join('room', new RecordingPeer('here1'), 'peer')
  backplane.answer('ROOM_FULL')
  expect(await joining).toBe('ROOM_FULL')
  expect([rooms.roomCount, rooms.peerCount]).toEqual([0, 0])
})

test('what is for another instance is handed to it, and what is for nobody here is not', async () => {
  const backplane = new SlowBackplane()
  const rooms = new Rooms(limits, backplane)
  const peer = new RecordingPeer('here1')
  const joining = rooms.join('room', peer, 'peer')
  backplane.answer([])
  await joining
  rooms.pass('room', peer, 'there1', 'over there')
  rooms.pass('room', peer, 'here2', 'who?')
  expect(backplane.sent).toEqual([{ from: 'here1', to: 'there1', payload: 'over there' }])
  expect(peer.heard.slice(1)).toEqual([{ type: 'unreachable', to: 'here2' }])
})
