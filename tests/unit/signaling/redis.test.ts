import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { newPeerId, type SharedRooms } from '../../../signaling/backplane.ts'
import { RedisBackplane } from '../../../signaling/redis.ts'
import { RedisServer, redisIsThere } from './redis-server.ts'

const beatIntervalMs = 100
const roomPeersMax = 4

type Told = readonly [what: keyof SharedRooms, room: string, ...rest: unknown[]]

/** An instance without a server: what it was told, in order. */
class Instance {
  readonly backplane: RedisBackplane
  readonly told: Told[] = []
  /** Peers for whom something can be delivered. */
  readonly here = new Set<string>()
  disconnections = 0

  constructor(url: string) {
    this.backplane = new RedisBackplane({
      url,
      roomPeersMax,
      beatIntervalMs,
      onConnected: () => {},
      onDisconnected: () => {
        this.disconnections++
      },
    })
    this.backplane.start({
      found: (room, ids) => this.told.push(['found', room, [...ids].sort()]),
      left: (room, id) => this.told.push(['left', room, id]),
      deliver: (room, from, to, payload) => {
        if (!this.here.has(to)) return false
        this.told.push(['deliver', room, from, to, typeof payload === 'string' ? payload : [...payload]])
        return true
      },
      unreachable: (room, from, to) => this.told.push(['unreachable', room, from, to]),
    })
  }

  async connected(): Promise<this> {
    await vi.waitFor(() => expect(this.backplane.connected).toBe(true), waiting)
    return this
  }

  async join(room: string): Promise<{ id: string; peers: readonly string[] | 'ROOM_FULL' }> {
    const id = newPeerId(this.backplane.instance)
    this.here.add(id)
    return { id, peers: await this.backplane.join(room, id) }
  }

  /** Resolves when it was told this, which is then taken from the list. */
  async hears(...told: Told): Promise<void> {
    await vi.waitFor(() => {
      expect(this.told).toContainEqual(told)
    }, waiting)
    this.told.splice(
      this.told.findIndex(each => JSON.stringify(each) === JSON.stringify(told)),
      1,
    )
  }
}

const waiting = { timeout: 8_000, interval: 5 }

if (!redisIsThere) test.skip('skipped: redis-server is not installed', () => {})
else
  describe('instances share rooms through Redis', () => {
    let redis: RedisServer
    let instances: Instance[] = []

    beforeAll(async () => {
      redis = await RedisServer.start()
    })
    afterEach(async () => {
      await Promise.all(instances.map(({ backplane }) => backplane.close()))
      instances = []
    })
    afterAll(() => redis.stop())

    async function open(): Promise<Instance> {
      const instance = new Instance(redis.url)
      instances.push(instance)
      return instance.connected()
    }

    test('a peer sees who is elsewhere, and is missed there when it leaves', async () => {
      const [a, b] = [await open(), await open()]
      const first = await a.join('room')
      expect(first.peers).toEqual([])
      const second = await b.join('room')
      expect(second.peers).toEqual([first.id])
      await b.join('another room')
      b.backplane.leave('room', second.id)
      await a.hears('left', 'room', second.id)
      expect(a.told).toEqual([])
    })

    test('of two who come in at once, one sees the other, which then knows of it', async () => {
      const [a, b] = [await open(), await open()]
      for (let round = 0; round < 50; round++) {
        const room = `at once ${round}`
        const [first, second] = await Promise.all([a.join(room), b.join(room)])
        if (first.peers.length === 0) {
          expect(second.peers).toEqual([first.id])
          b.backplane.leave(room, second.id)
          await a.hears('left', room, second.id)
        } else {
          expect([first.peers, second.peers]).toEqual([[second.id], []])
          a.backplane.leave(room, first.id)
          await b.hears('left', room, first.id)
        }
      }
      expect([a.told, b.told]).toEqual([[], []])
    })

    test('texts and frames arrive as they are, in order', async () => {
      const [a, b] = [await open(), await open()]
      const from = await a.join('room')
      const to = await b.join('room')
      const sent = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? `text ${i} – ä` : Uint8Array.of(0, 255, i)))
      for (const payload of sent) a.backplane.send('room', from.id, to.id, payload)
      await b.hears('deliver', 'room', from.id, to.id, [0, 255, 199])
      const rest = sent.slice(0, -1).map(payload => (typeof payload === 'string' ? payload : [...payload]))
      expect(b.told).toEqual(rest.map(payload => ['deliver', 'room', from.id, to.id, payload]))
    })

    test('what cannot be delivered comes back: no such instance, no such peer, no id at all', async () => {
      const [a, b] = [await open(), await open()]
      const { id } = await a.join('room')
      for (const nobody of [
        newPeerId('-none'),
        newPeerId(b.backplane.instance),
        newPeerId(a.backplane.instance),
        '*',
      ]) {
        a.backplane.send('room', id, nobody, 'hello?')
        await a.hears('unreachable', 'room', id, nobody)
      }
    })

    test('a room has as many peers as it may, wherever they are', async () => {
      const [a, b] = [await open(), await open()]
      for (let i = 0; i < roomPeersMax / 2; i++) {
        await a.join('full')
        await b.join('full')
      }
      expect((await a.join('full')).peers).toBe('ROOM_FULL')
      expect((await b.join('another')).peers).toEqual([])
    })

    test('who leaves while coming in is not there', async () => {
      const [a, b] = [await open(), await open()]
      const id = newPeerId(a.backplane.instance)
      const joining = a.backplane.join('brief', id)
      a.backplane.leave('brief', id)
      expect(await joining).toEqual([])
      expect((await b.join('brief')).peers).toEqual([])
    })

    test('Redis gone and back, empty: rooms go on here, and who is elsewhere has left and is found again', async () => {
      const [a, b] = [await open(), await open()]
      const first = await a.join('room')
      const second = await b.join('room')
      await vi.waitFor(() => expect(a.backplane.counters.received).toBe(1), waiting)
      await redis.stop()
      await a.hears('left', 'room', second.id)
      await b.hears('left', 'room', first.id)
      const third = await a.join('room')
      expect(third.peers).toEqual([])
      a.backplane.send('room', first.id, second.id, 'lost')
      await a.hears('unreachable', 'room', first.id, second.id)
      a.backplane.leave('room', first.id)
      await redis.start()
      // Whose instance comes back first is alone, and is found by the other.
      await vi.waitFor(() => {
        const found = [...a.told, ...b.told].filter(([what]) => what === 'found')
        expect([[second.id], [third.id]]).toContainEqual(found[0]?.[2])
      }, waiting)
      expect((await b.join('room')).peers).toEqual([third.id])
    }, 30_000)

    test('a Redis that hears nothing is given up in time, and no more waits for it than is allowed', async () => {
      const [a, b] = [await open(), await open()]
      const first = await a.join('room')
      const second = await b.join('room')
      redis.pause()
      try {
        const megabyte = new Uint8Array(1024 * 1024)
        for (let i = 0; i < 100; i++) a.backplane.send('room', first.id, second.id, megabyte)
        expect(a.backplane.counters).toMatchObject({ sent: 15, dropped: 85 })
        const began = performance.now()
        expect((await a.join('room')).peers).toEqual([])
        expect(performance.now() - began).toBeLessThan(5_000)
        await vi.waitFor(() => expect(a.backplane.connected).toBe(false), waiting)
      } finally {
        redis.resume()
      }
      await a.connected()
      await b.connected()
    }, 30_000)
  })
