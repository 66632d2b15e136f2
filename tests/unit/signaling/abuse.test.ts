import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createTicket } from '../../../signaling/ticket.ts'
import { encodeRelayFrame, relayFrameBytesMax, signalingFrameBytesMax } from '../../../src/net/signaling-protocol.ts'
import { Attacker, addressOf, frame, handshake, join, opcodes, say } from './attackers.ts'
import { Conversation, HonestPeer, HonestRelay } from './honest.ts'
import { ServerProcess } from './server-process.ts'

/**
 * Everything that a stranger, or somebody with a ticket, can do to one server of the default limits, while two honest tabs go on
 * talking, and somebody asks how the server is.
 */

/**
 * Every question is answered, the slowest within this. Server, attackers and honest share this machine: with nothing else to do it
 * takes up to a second, with twenty processes for two cores it took 2.8.
 */
const answerMsMax = 10_000
const askPauseMs = 50
const testMs = 180_000
const MiB = 1024 * 1024

const connectionsWanted = 10_000
/** Half of what a server takes before it closes the oldest of those that are no WebSockets yet. */
const waveMax = 500
/** Files that this process and the server need for other things. */
const filesSpare = 500

const filesMax = Number(spawnSync('sh', ['-c', 'ulimit -n $(ulimit -H -n); ulimit -n'], { encoding: 'utf8' }).stdout)
const connectionsMax = Math.min(connectionsWanted, Number.isNaN(filesMax) ? connectionsWanted : filesMax - filesSpare)

const key = randomBytes(32).toString('base64')

function ticketFor(room: string, signedBy = key, expiresAt = Date.now() + 3_600_000): string {
  return createTicket({ key: signedBy, room, expiresAt })
}

if (process.platform !== 'linux')
  test.skip('skipped: attackers need the many addresses that Linux gives to loopback', () => {})
else
  describe('a server under attack', () => {
    let server: ServerProcess
    let peers: readonly [HonestPeer, HonestPeer]
    let relays: readonly [HonestRelay, HonestRelay]
    let attackers: Attacker[] = []
    let watch: Watch

    beforeAll(async () => {
      server = await ServerProcess.start({ FLOTILLA_TICKET_KEY: key })
      const options = { urls: [server.url], room: 'honest', ticket: ticketFor('honest'), localAddress: '127.0.0.1' }
      peers = [new HonestPeer({ ...options, name: 'a' }), new HonestPeer({ ...options, name: 'b' })]
      relays = [new HonestRelay({ ...options, name: 'a' }), new HonestRelay({ ...options, name: 'b' })]
      for (const honest of [...peers, ...relays]) await honest.open()
      await vi.waitFor(async () => expect(await peers[0].ask('b', 500)).not.toBeNull(), 10_000)
    }, 60_000)

    afterAll(async () => {
      for (const honest of [...peers, ...relays]) honest.close()
      await server.kill()
    })

    beforeEach(() => {
      watch = new Watch(server, peers, relays)
    })

    afterEach(async () => {
      await allGone()
      attackers = []
      await watch.end()
    }, testMs)

    function attack(address: number, ...first: readonly Uint8Array[]): Attacker {
      const attacker = new Attacker(server.port, addressOf(address)).send(...first)
      attackers.push(attacker)
      return attacker
    }

    function attackBy(count: number, perAddress: number, ...first: readonly Uint8Array[]): Attacker[] {
      return Array.from({ length: count }, (_, i) => attack(Math.floor(i / perAddress), ...first))
    }

    /** The server has ended all of them. */
    async function allClosed(these: readonly Attacker[]): Promise<void> {
      await Promise.all(these.map(({ closed }) => closed))
    }

    async function inWaves(count: number, start: (i: number) => Attacker): Promise<readonly string[]> {
      const answers: string[] = []
      for (let from = 0; from < count; from += waveMax) {
        const wave = Array.from({ length: Math.min(waveMax, count - from) }, (_, i) => start(from + i))
        answers.push(...(await Promise.all(wave.map(attacker => attacker.answered()))))
      }
      return answers
    }

    /** The attackers end, and the server has nothing more of them than before. */
    async function allGone(): Promise<void> {
      for (const attacker of attackers) attacker.end()
      const before = { rooms: 1, peers: 2, relays: 2 }
      await vi.waitFor(async () => expect(await server.health()).toMatchObject(before), {
        timeout: 60_000,
        interval: 50,
      })
    }

    // First, while the server has kept nothing from what was before.
    test(`${connectionsMax} connections, in rooms of four, and more than there is place for`, {
      timeout: testMs,
    }, async () => {
      const ofRoom = (i: number) => `room ${Math.floor(i / 4)}`
      const answers = await inWaves(connectionsMax, i =>
        attack(Math.floor(i / 100), handshake, join(ofRoom(i), ticketFor(ofRoom(i)))),
      )
      const welcome = answers.filter(answer => answer === 'welcome').length
      // The honest four are in already.
      expect(welcome).toBe(Math.min(connectionsMax, connectionsWanted - 4))
      expect(await server.health()).toMatchObject({ peers: welcome + 2 })
      const heldBytes = await watch.holds(512 * MiB)
      console.log(`${welcome} connections: ${(heldBytes / welcome / 1024).toFixed(1)} KiB each`)
      await allGone()
    })

    test('random bytes: in place of HTTP, of WebSocket frames, of messages', { timeout: testMs }, async () => {
      const noise = Array.from({ length: 200 }, () => attack(0, randomBytes(16 * 1024)))
      const frames = Array.from({ length: 200 }, () => attack(1, handshake, randomBytes(16 * 1024)))
      const texts = Array.from({ length: 200 }, () =>
        attack(2, handshake, frame(opcodes.text, randomBytes(64).toString('base64'))),
      )
      const bytes = Array.from({ length: 200 }, () => attack(3, handshake, frame(opcodes.binary, randomBytes(4096))))
      await allClosed([...noise, ...frames, ...texts, ...bytes])
      await watch.holds(32 * MiB)
    })

    test('frames that are too large, or as no browser makes them', { timeout: testMs }, async () => {
      const { text, binary, continuation, ping } = opcodes
      const oversized = Buffer.alloc(signalingFrameBytesMax + 1, 'x')
      const quarter = Buffer.alloc(signalingFrameBytesMax / 4)
      const wrong = [
        frame(text, oversized),
        frame(binary, Buffer.alloc(relayFrameBytesMax + 1)),
        frame(binary, '', { length: 2n ** 62n }),
        Buffer.concat([
          frame(text, quarter, { fin: false }),
          repeated(5, frame(continuation, quarter, { fin: false })),
        ]),
        Buffer.concat([frame(text, 'x', { fin: false }), repeated(70_000, frame(continuation, 'x', { fin: false }))]),
        frame(continuation, 'of nothing'),
        frame(text, '{}', { masked: false }),
        frame(text, '{}', { reserved: 4 }),
        frame(ping, Buffer.alloc(126)),
        frame(11, ''),
        frame(text, Buffer.of(0xc3, 0x28)),
        say({ type: 'send', to: peers[0].id ?? '', payload: 'without having joined' }),
        frame(text, '['.repeat(60_000)),
      ]
      await allClosed(wrong.flatMap((bytes, i) => Array.from({ length: 40 }, () => attack(i, handshake, bytes))))
      await watch.holds(64 * MiB)
    })

    test('half frames, and messages in the smallest of pieces', { timeout: testMs }, async () => {
      const { text, continuation } = opcodes
      // All but the last byte, and then nothing more.
      const half = frame(text, Buffer.alloc(signalingFrameBytesMax - 1), { length: BigInt(signalingFrameBytesMax) })
      const halves = attackBy(500, 250, handshake, half)
      // A byte at a time, so that what keeps it takes far more room than what it is.
      const pieces = repeated(16_000, frame(continuation, 'x', { fin: false }))
      const crumbs = attackBy(500, 250, handshake, frame(text, 'x', { fin: false }), pieces)
      await allClosed(crumbs)
      // Whoever has not joined in time is cut off, whatever it is about to say.
      await allClosed(halves)
      await watch.holds(128 * MiB)
    })

    test('handshakes that never end, and sockets that say nothing', { timeout: testMs }, async () => {
      const silent: Attacker[] = []
      const slow: Attacker[] = []
      for (let wave = 0; wave < 4; wave++) {
        silent.push(...attackBy(waveMax / 2, waveMax / 2))
        slow.push(...attackBy(waveMax / 2, waveMax / 2))
        // Answered in turn, so those before it have been let in: a full queue would forget those who say nothing.
        await server.health()
      }
      let at = 0
      const drip = setInterval(() => {
        for (const attacker of slow) attacker.send(handshake.subarray(at, at + 1))
        at++
      }, 200)
      await allClosed([...silent, ...slow]).finally(() => clearInterval(drip))
      expect(at).toBeLessThan(handshake.length)
      await watch.holds(64 * MiB)
    })

    test('tickets that are forged, expired, or for another room', { timeout: testMs }, async () => {
      const good = ticketFor('other')
      const bad = [
        '',
        'ticket',
        ticketFor('honest', 'another key of good length'),
        ticketFor('honest', key, Date.now() - 1_000),
        good,
        ticketFor('honest').replace(/^\d/, digit => `${(Number(digit) + 1) % 10}`),
        ticketFor('honest').slice(0, -1),
        `${ticketFor('honest')}\n`,
      ]
      const forgers = bad.flatMap((ticket, i) =>
        Array.from({ length: 100 }, () => attack(i, handshake, join('honest', ticket))),
      )
      await allClosed(forgers)
      expect(forgers.filter(({ heard }) => !/BAD_TICKET|BAD_FRAME/.test(heard)).map(({ heard }) => heard)).toEqual([])
      // The test's own tickets are good.
      expect(await attack(20, handshake, join('other', good)).answered()).toBe('welcome')
      expect(peers[0].known).toEqual([peers[1].id])
      await watch.holds(32 * MiB)
    })

    test('what was recorded is played again', { timeout: testMs }, async () => {
      const ticket = ticketFor('recorded')
      const victim = attack(0, handshake, join('recorded', ticket))
      await victim.answered()
      const recorded = say({ type: 'send', to: victim.id, payload: 'sealed' })
      const replayed = Array.from({ length: 50 }, () => attack(1, handshake, join('recorded', ticket), recorded))
      for (const each of replayed) await each.answered()
      // A ticket is its bearer's, but nobody becomes anybody else by what was said before.
      const ids = new Set(replayed.map(({ id }) => id))
      expect(ids.size).toBe(50)
      expect(ids).not.toContain(victim.id)
      for (const each of replayed) each.send(join('recorded', ticket))
      await allClosed(replayed)
      expect(replayed.every(({ heard }) => heard.includes('BAD_FRAME'))).toBe(true)
      await watch.holds(32 * MiB)
    })

    test('a room that is flooded with peers, who all go at once', { timeout: testMs }, async () => {
      const ticket = ticketFor('crowd')
      const answers = await inWaves(1_100, i => attack(Math.floor(i / 70), handshake, join('crowd', ticket)))
      expect(answers.filter(answer => answer === 'welcome')).toHaveLength(1_024)
      expect(attackers.filter(({ heard }) => heard.includes('ROOM_FULL'))).toHaveLength(1_100 - 1_024)
      await allGone()
      await watch.holds(128 * MiB)
    })

    test('readers who do not read', { timeout: testMs }, async () => {
      const ticket = ticketFor('slow')
      const pairs = await Promise.all(
        Array.from({ length: 8 }, async (_, i) => {
          const reader = attack(2 * i, handshake, join('slow', ticket, 'relay'))
          const writer = attack(2 * i + 1, handshake, join('slow', ticket, 'relay'))
          await Promise.all([reader.answered(), writer.answered()])
          return { reader, writer }
        }),
      )
      for (const { reader, writer } of pairs) {
        reader.socket.pause()
        const flood = frame(opcodes.binary, encodeRelayFrame(reader.id, Buffer.alloc(60_000)))
        for (let i = 0; i < 400; i++) writer.send(flood)
      }
      // Told to whoever asks for who has gone, the server having cut it off.
      await Promise.all(pairs.map(({ writer }) => writer.hears('unreachable')))
      await watch.holds(256 * MiB)
    })

    test('floods of frames, messages and pings', { timeout: testMs }, async () => {
      const ticket = ticketFor('flood')
      const [relay, small, target] = [0, 1, 2].map(i => attack(i, handshake, join('flood', ticket, 'relay')))
      const [peer, pinger] = [3, 4].map(i => attack(i, handshake, join('flood', ticket)))
      await Promise.all(attackers.map(attacker => attacker.answered()))
      const throttled = await server.metric('flotilla_signaling_throttled_total')
      relay?.flood(frame(opcodes.binary, encodeRelayFrame(target?.id ?? '', Buffer.alloc(60_000))))
      small?.flood(repeated(1_000, frame(opcodes.binary, encodeRelayFrame(target?.id ?? '', Buffer.alloc(0)))))
      peer?.flood(repeated(1_000, say({ type: 'send', to: pinger?.id ?? '', payload: 'again and again' })))
      pinger?.flood(repeated(1_000, frame(opcodes.ping, 'ping')))
      // Too much of it at once is an end; what comes as fast as it is read is read more slowly.
      await pinger?.closed
      await watch.answered(100)
      expect(await server.metric('flotilla_signaling_throttled_total')).toBeGreaterThan(throttled + 2)
      await watch.holds(64 * MiB)
    })
  })

function repeated(times: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array<Buffer>(times).fill(bytes))
}

/** The honest, and whoever asks how the server is: what becomes of them while something else happens. */
class Watch {
  readonly #server: ServerProcess
  readonly #residentBytes: number
  readonly #conversations: ReadonlyMap<string, Conversation>

  constructor(
    server: ServerProcess,
    [a]: readonly [HonestPeer, HonestPeer],
    [c, d]: readonly [HonestRelay, HonestRelay],
  ) {
    this.#server = server
    server.forgetPeak()
    this.#residentBytes = server.residentBytes()
    const start = (ask: () => Promise<number | null>) => new Conversation(ask, askPauseMs)
    this.#conversations = new Map([
      ['peers', start(() => a.ask('b', answerMsMax))],
      ['relays', start(() => c.ask(d.id ?? '', answerMsMax, 8 * 1024))],
      ['health', start(() => askHealth(server))],
    ])
  }

  /** Passes if nothing happened to the honest, and the server took no more than this on top of what it had; gives what it took. */
  async holds(growthBytesMax: number): Promise<number> {
    await this.end()
    const growthBytes = this.#server.peakResidentBytes() - this.#residentBytes
    const said = [...this.#conversations].map(
      ([who, { answered, slowestMs }]) => `${who} ${answered} answers, slowest ${slowestMs.toFixed(0)} ms`,
    )
    console.log(`${expect.getState().currentTestName}: +${(growthBytes / MiB).toFixed(0)} MiB; ${said.join('; ')}`)
    for (const [who, { answered, unanswered, slowestMs }] of this.#conversations) {
      expect({ who, unanswered }).toEqual({ who, unanswered: 0 })
      expect(answered).toBeGreaterThan(0)
      expect(slowestMs).toBeLessThan(answerMsMax)
    }
    expect(growthBytes).toBeLessThan(growthBytesMax)
    return growthBytes
  }

  /** Resolves when the honest peers have had so many answers more. */
  async answered(count: number): Promise<void> {
    const conversation = this.#conversations.get('peers')
    const enough = (conversation?.answered ?? 0) + count
    await vi.waitFor(() => expect(conversation?.answered).toBeGreaterThanOrEqual(enough), {
      timeout: 60_000,
      interval: 50,
    })
  }

  async end(): Promise<void> {
    await Promise.all([...this.#conversations.values()].map(conversation => conversation.stop()))
  }
}

async function askHealth(server: ServerProcess): Promise<number | null> {
  const began = performance.now()
  try {
    const { ok } = await server.health(AbortSignal.timeout(answerMsMax))
    return ok === true ? performance.now() - began : null
  } catch {
    return null
  }
}
