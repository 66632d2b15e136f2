import { expect, test } from 'vitest'
import { type Peer, Rooms, roomPeersMax, serverPeersMax } from '../../../signaling/rooms.ts'

function silentPeer(id: string): Peer {
  return { id, send: () => {} }
}

test('a full server refuses in every room, and has a place again when one leaves', () => {
  const rooms = new Rooms()
  const first = silentPeer('first')
  expect(rooms.join('room 0', first)).toBe('joined')
  for (let count = 1; count < serverPeersMax; count++) {
    expect(rooms.join(`room ${Math.floor(count / roomPeersMax)}`, silentPeer(`${count}`))).toBe('joined')
  }
  expect(rooms.join('new room', silentPeer('late'))).toBe('SERVER_FULL')
  expect(rooms.peerCount).toBe(serverPeersMax)
  rooms.leave('room 0', first)
  rooms.leave('room 0', first)
  expect(rooms.join('new room', silentPeer('late'))).toBe('joined')
})

test('a room that is empty is forgotten, and a refusal makes none', () => {
  const rooms = new Rooms()
  const peer = silentPeer('peer')
  rooms.join('room', peer)
  expect(rooms.roomCount).toBe(1)
  rooms.leave('room', peer)
  rooms.leave('elsewhere', peer)
  expect([rooms.roomCount, rooms.peerCount]).toEqual([0, 0])
})
