import { afterEach, describe, expect, test, vi } from 'vitest'
import { Conversation, HonestPeer, HonestRelay } from './honest.ts'
import { RedisServer, redisIsThere } from './redis-server.ts'
import { ServerProcess } from './server-process.ts'

const askWithinMs = 5_000
/** Whom nobody found yet is asked again. */
const tryWithinMs = 500
const askPauseMs = 50
/** Three beats of an instance, which is how long ghosts may be, and what a busy machine takes on top. */
const ghostsGone = { timeout: 40_000, interval: 100 }
const settled = { timeout: 20_000, interval: 50 }
const testMs = 120_000

const roomCount = 12

if (!redisIsThere) test.skip('skipped: redis-server is not installed', () => {})
else
  describe('two servers and one Redis', () => {
    const cleanups: (() => unknown)[] = []
    afterEach(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup()
      cleanups.length = 0
    })

    async function startRedis(): Promise<RedisServer> {
      const redis = await RedisServer.start()
      cleanups.push(() => redis.stop())
      return redis
    }

    async function startInstance(redis: RedisServer): Promise<ServerProcess> {
      const server = await ServerProcess.start({ REDIS_URL: redis.url })
      cleanups.push(() => server.kill())
      await shares(server)
      return server
    }

    async function shares(server: ServerProcess): Promise<void> {
      await vi.waitFor(async () => expect(await server.health()).toMatchObject({ instances: 'connected' }), settled)
    }

    function peer(room: string, name: string, ...servers: ServerProcess[]): Promise<HonestPeer> {
      const peer = new HonestPeer({ urls: servers.map(({ url }) => url), room, name })
      cleanups.push(() => peer.close())
      return peer.open()
    }

    function relay(room: string, server: ServerProcess): Promise<HonestRelay> {
      const relay = new HonestRelay({ urls: [server.url], room, name: 'relay' })
      cleanups.push(() => relay.close())
      return relay.open()
    }

    function converse(ask: () => Promise<number | null>): Conversation {
      const conversation = new Conversation(ask, askPauseMs)
      cleanups.push(() => conversation.stop())
      return conversation
    }

    /** Everybody has an answer from everybody. */
    async function allTalk(peers: readonly HonestPeer[]): Promise<void> {
      const pairs = peers.flatMap(one =>
        peers.filter(other => other !== one).map(({ options: { name } }) => ({ one, name })),
      )
      await Promise.all(
        pairs.map(({ one, name }) =>
          vi.waitFor(async () => expect(await one.ask(name, tryWithinMs)).not.toBeNull(), settled),
        ),
      )
    }

    test('peers of one room talk across them, and so do relays', { timeout: testMs }, async () => {
      const redis = await startRedis()
      const [one, two] = await Promise.all([startInstance(redis), startInstance(redis)])
      const peers = await Promise.all([peer('room', 'a', one), peer('room', 'b', two), peer('room', 'c', one)])
      await allTalk(peers)
      for (const each of peers) {
        const others = peers.filter(other => other !== each).map(({ id }) => id)
        expect(each.known).toEqual(others.sort())
      }
      const [here, there, stranger] = await Promise.all([
        relay('room', one),
        relay('room', two),
        relay('another room', two),
      ])
      expect(await here.ask(there.id ?? '', askWithinMs, 64 * 1024)).not.toBeNull()
      // Ids are no secret; being in the room is what counts.
      expect(await stranger.ask(there.id ?? '', 500, 100)).toBeNull()
      peers[1]?.close()
      await vi.waitFor(() => expect(peers[0]?.known).toEqual([peers[2]?.id]), settled)
    })

    test('one is killed under load: rooms on the other go on, its peers re-form there, its ghosts go', {
      timeout: testMs,
    }, async () => {
      const redis = await startRedis()
      const [doomed, other] = await Promise.all([startInstance(redis), startInstance(redis)])
      const rooms = Array.from({ length: roomCount }, (_, i) => `room ${i}`)
      const peersOf = new Map<string, readonly HonestPeer[]>()
      const load: Conversation[] = []
      for (const room of rooms) {
        const peers = await Promise.all([
          peer(room, 'a', doomed, other),
          peer(room, 'b', doomed, other),
          peer(room, 'c', other),
        ])
        peersOf.set(room, peers)
        await allTalk(peers)
        for (const { options } of peers) {
          for (const one of peers)
            if (one.options.name !== options.name) load.push(converse(() => one.ask(options.name, askWithinMs)))
        }
      }
      const untouched = await Promise.all([peer('untouched', 'a', other), peer('untouched', 'b', other)])
      await allTalk(untouched)
      const steady = converse(() => untouched[0].ask('b', askWithinMs))

      const killedAt = performance.now()
      await doomed.kill()
      await Promise.all([...peersOf.values()].map(allTalk))
      const reformedMs = performance.now() - killedAt
      // Nobody hears of the dead any more, whoever comes in is told of the living alone.
      for (const [room, peers] of peersOf) {
        const alive = peers.map(({ id }) => id)
        await vi.waitFor(() => {
          for (const each of peers) expect(each.known).toEqual(alive.filter(id => id !== each.id).sort())
        }, ghostsGone)
        await vi.waitFor(async () => {
          const late = await peer(room, 'late', other)
          late.close()
          expect(late.welcomed.toSorted()).toEqual(alive.toSorted())
        }, ghostsGone)
      }
      const ghostsMs = performance.now() - killedAt
      await steady.stop()
      expect(steady.unanswered).toBe(0)
      expect(steady.answered).toBeGreaterThan(10)
      expect(steady.slowestMs).toBeLessThan(2_000)
      console.log(
        `re-formed after ${reformedMs.toFixed(0)} ms, no ghost after ${(ghostsMs / 1000).toFixed(1)} s, ` +
          `untouched room: slowest of ${steady.answered} answers ${steady.slowestMs.toFixed(0)} ms`,
      )

      // A new one takes its place, and shares the rooms.
      const successor = await startInstance(redis)
      const [room = ''] = rooms
      await allTalk([...(peersOf.get(room) ?? []), await peer(room, 'd', successor)])
    })

    test('Redis is killed and comes back: each goes on alone, then together', { timeout: testMs }, async () => {
      const redis = await startRedis()
      const [one, two] = await Promise.all([startInstance(redis), startInstance(redis)])
      const peers = await Promise.all([peer('room', 'a', one), peer('room', 'b', one), peer('room', 'c', two)])
      await allTalk(peers)
      const steady = converse(() => peers[0].ask('b', askWithinMs))
      await redis.stop()
      await vi.waitFor(() => expect(peers[0].known).toEqual([peers[1].id]), settled)
      const meanwhile = await peer('room', 'd', two)
      await allTalk([meanwhile, peers[2]])
      expect(await meanwhile.ask('a', askWithinMs)).toBeNull()
      await redis.start()
      await Promise.all([shares(one), shares(two)])
      await allTalk([...peers, meanwhile])
      await steady.stop()
      expect(steady.unanswered).toBe(0)
    })
  })
