import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Gateway, startGateway } from '../../../gateway/gateway.ts'
import { loadProtocol } from '../../differential/protocol.ts'
import { etcdVersion, startEtcd } from '../../differential/servers.ts'
import { etcdctl, etcdctlVersion, startEtcdctl } from './etcdctl.ts'
import { scenarios, Transcript } from './scenarios.ts'

const installed = { etcdctl: await etcdctlVersion(), etcd: await etcdVersion() }
const isThere = installed.etcdctl !== null
const testMsMax = 60_000

/** Other releases of etcdctl word some things differently. */
const recordedRelease = '3.4.'
const isSameRelease = installed.etcdctl?.startsWith(recordedRelease) === true
const etcdIsSameRelease = isSameRelease && installed.etcd?.startsWith(recordedRelease) === true
/** Recorded from etcd 3.4.23 (`npx vitest run tests/unit/gateway -t 'by etcd' -u`), and held against it wherever it is installed. */
const transcriptOf = (scenario: string) => `./transcripts/${scenario.replaceAll(' ', '-')}.txt`

if (etcdIsSameRelease) describe('etcdctl served by etcd', { timeout: testMsMax }, servedByEtcd)
else describe.skip('skipped: no etcd and etcdctl of the release that the transcripts were recorded from', servedByEtcd)

if (isThere) describe('etcdctl served by the gateway', { timeout: testMsMax }, servedByGateway)
else describe.skip('skipped: etcdctl is not installed', servedByGateway)

function servedByEtcd(): void {
  test.each(Object.entries(scenarios))('%s', async (name, play) => {
    const etcd = await startEtcd('etcd', await loadProtocol())
    try {
      const transcript = new Transcript(etcd.address)
      await play(transcript)
      await expect(transcript.text).toMatchFileSnapshot(transcriptOf(name))
    } finally {
      await etcd.stop()
    }
  })
}

function servedByGateway(): void {
  let gateway: Gateway
  beforeEach(async () => {
    gateway = await startGateway({ port: 0, host: '127.0.0.1' })
  })
  afterEach(() => gateway.close())

  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await etcdctl(gateway.address, args)
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const linesOf = (text: string) => text.split('\n').filter(line => line !== '')

  const asRecorded = async (name: string, play: (ctl: Transcript) => Promise<void>) => {
    const transcript = new Transcript(gateway.address)
    await play(transcript)
    const recorded = fileURLToPath(new URL(transcriptOf(name), import.meta.url))
    expect(transcript.text).toBe(await readFile(recorded, 'utf8'))
  }
  if (isSameRelease) test.each(Object.entries(scenarios))('says what it says of etcd: %s', asRecorded)
  else test.skip('skipped: the transcripts are of another release of etcdctl', () => {})

  test('a lock is held by one, and goes to the next when it is let go', async () => {
    const first = startEtcdctl(gateway.address, ['lock', 'l'])
    const [firstKey = ''] = await first.lines(1)
    const queue = startEtcdctl(gateway.address, ['watch', 'l/', '--prefix', '--rev=1'])
    await queue.lines(3)
    const second = startEtcdctl(gateway.addresses[1] ?? '', ['lock', 'l'])
    const keys = (await queue.lines(6)).filter(line => line.startsWith('l/'))
    expect(keys[0]).toBe(firstKey)
    // The second stands in the queue; until the first goes it is not told that the lock is its own.
    expect(second.written).toEqual([])
    await first.interrupt()
    expect(await second.lines(1)).toEqual([keys[1]])
    await second.interrupt()
    await queue.interrupt()
    expect(await run('get', 'l', '--prefix')).toBe('')
  })

  test('an election has one winner at a time, and observers learn of each', async () => {
    const observer = startEtcdctl(gateway.address, ['elect', '--listen', 'e'])
    const first = startEtcdctl(gateway.address, ['elect', 'e', 'first'])
    const firstLines = await first.lines(2)
    expect(firstLines[1]).toBe('first')
    const queue = startEtcdctl(gateway.address, ['watch', 'e/', '--prefix', '--rev=1'])
    const second = startEtcdctl(gateway.addresses[2] ?? '', ['elect', 'e', 'second'])
    await queue.lines(6)
    expect(second.written).toEqual([])
    expect(await observer.lines(2)).toEqual(firstLines)
    await first.interrupt()
    const secondLines = await second.lines(2)
    expect(secondLines[1]).toBe('second')
    expect((await observer.lines(4)).slice(2)).toEqual(secondLines)
    for (const command of [second, observer, queue]) await command.interrupt()
  })

  test('a lease lives while it is kept alive, and takes its keys along when it is not', async () => {
    const id = /lease (\w+)/.exec(await run('lease', 'grant', '2'))?.[1] ?? ''
    await run('put', 'k', 'v', `--lease=${id}`)
    const watch = startEtcdctl(gateway.address, ['watch', 'k', '--rev=1'])
    const keeper = startEtcdctl(gateway.address, ['lease', 'keep-alive', id])
    // Every third of its time: after four times, it has outlived itself.
    expect(await keeper.lines(4)).toEqual(Array.from({ length: 4 }, () => `lease ${id} keepalived with TTL(2)`))
    expect(await run('get', 'k')).toBe('k\nv\n')
    await keeper.interrupt()
    expect(await watch.lines(5)).toEqual(['PUT', 'k', 'v', 'DELETE', 'k'])
    await watch.interrupt()
    expect(await run('lease', 'timetolive', id)).toBe(`lease ${id} already expired\n`)
  })

  test('member list and endpoint status show three members, one of which leads', async () => {
    const members = linesOf(await run('member', 'list')).map(line => line.split(', '))
    expect(members.map(([, state, name, , url, learner]) => [state, name, url, learner])).toEqual(
      gateway.addresses.map((address, at) => ['started', `m${at + 1}`, `http://${address}`, 'false']),
    )
    const statuses = JSON.parse(await run('endpoint', 'status', '--cluster', '-w', 'json'))
    expect(statuses.map((status: { Endpoint: string }) => status.Endpoint)).toEqual(
      gateway.addresses.map(address => `http://${address}`),
    )
    const ids = statuses.map(({ Status }: { Status: { header: { member_id: number } } }) => Status.header.member_id)
    expect(ids.map((id: number) => id.toString(16))).toEqual(members.map(([id]) => id))
    const leaders = new Set(statuses.map(({ Status }: { Status: { leader: number } }) => Status.leader))
    expect(leaders.size).toBe(1)
    expect(ids).toContain([...leaders][0])
    const table = await run('endpoint', 'status', '--cluster', '-w', 'table')
    expect(linesOf(table).filter(line => /\| +true \| +false \|/.test(line))).toHaveLength(1)
  })

  test('endpoint health and hashkv ask every member, and all hold the same', async () => {
    for (let i = 0; i < 20; i += 1) await run('put', `k${i % 7}`, `${i}`)
    await run('compaction', '9')
    const health = await etcdctl(gateway.address, ['endpoint', 'health', '--cluster'])
    expect(linesOf(health.stderr).filter(line => line.includes('is healthy'))).toHaveLength(3)
    await expect
      .poll(
        async () =>
          new Set(linesOf(await run('endpoint', 'hashkv', '--cluster')).map(line => line.split(', ')[1])).size,
      )
      .toBe(1)
    expect(await run('alarm', 'list')).toBe('')
    expect(linesOf(await run('defrag', '--cluster'))).toHaveLength(3)
  })

  test('move-leader moves it, if its leader is asked', async () => {
    const leaderOf = () => gateway.cluster.members.findIndex(({ status }) => status.role === 'leader')
    const from = leaderOf()
    const to = (from + 1) % 3
    const idOf = (at: number) => (gateway.cluster.members[at]?.id ?? 0).toString(16)
    const address = gateway.addresses[from] ?? ''
    const atFollower = await etcdctl(gateway.addresses[to] ?? '', ['move-leader', idOf(to)])
    expect(atFollower.stderr).toContain('no leader endpoint given')
    expect((await etcdctl(address, ['move-leader', '4d2'])).stderr).toContain('etcdserver: bad leader transferee')
    const moved = await etcdctl(address, ['move-leader', idOf(to)])
    expect(moved.stdout).toBe(`Leadership transferred from ${idOf(from)} to ${idOf(to)}\n`)
    expect(leaderOf()).toBe(to)
    expect(await run('put', 'k', 'v')).toBe('OK\n')
  })

  test('over TLS too, it puts, gets and asks every member', async () => {
    const file = (name: string) => fileURLToPath(new URL(`./localhost.${name}.pem`, import.meta.url))
    const tls = { cert: await readFile(file('certificate')), key: await readFile(file('key')) }
    const secured = await startGateway({ port: 0, host: '127.0.0.1', tls })
    try {
      const secure = (...args: string[]) => etcdctl(secured.address, [`--cacert=${file('certificate')}`, ...args])
      expect((await secure('put', 'k', 'v')).stdout).toBe('OK\n')
      expect((await secure('get', 'k')).stdout).toBe('k\nv\n')
      expect((await secure('endpoint', 'hashkv', '--cluster')).stdout.split('\n')).toHaveLength(4)
      expect(
        (await etcdctl(secured.address, ['get', 'k', '--dial-timeout=500ms', '--command-timeout=1s'])).code,
      ).not.toBe(0)
    } finally {
      await secured.close()
    }
  })
}
