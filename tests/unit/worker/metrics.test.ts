import { expect, test } from 'vitest'
import type { ReplicaMetrics } from '../../../src/replica/types.ts'
import { fsyncBucketsSeconds, Histogram, MetricsText, RoundTrips, renderMetrics } from '../../../src/worker/metrics.ts'
import { aloneStatus } from '../client/fake-host.ts'
import { linkTo } from '../client/fake-link.ts'

const counts: ReplicaMetrics = {
  leaderChanges: 1,
  proposalsApplied: 2,
  proposalsPending: 3,
  proposalsFailed: 4,
  messagesRefused: 19,
  snapshotsMade: 5,
  snapshotsInstalled: 6,
  puts: 7,
  ranges: 8,
  deletes: 9,
  txns: 10,
  compactions: 11,
  keys: 12,
  sizeBytes: 13,
  quotaBytes: 14,
  compactRevision: 15,
  watchers: 16,
  slowWatchers: 17,
  eventsSent: 18,
  leases: 19,
  leasesGranted: 20,
  leasesRevoked: 21,
  leasesRenewed: 22,
  leasesExpired: 23,
}

const link = linkTo('p"1\\', [8], {
  queuedBytes: { urgent: 31, append: 32, snapshot: 33 },
  peerTotals: { sentBytes: 34, receivedBytes: 35, dropped: 36, reconnects: 37 },
})

function render(): string {
  const fsync = new Histogram(fsyncBucketsSeconds)
  for (const seconds of [0.0005, 0.001, 0.0011, 30]) fsync.observe(seconds)
  const roundTrips = new RoundTrips()
  roundTrips.observe([link])
  roundTrips.observe([link])
  roundTrips.observe([{ ...link, roundTrip: 1.5 }])
  const links = { unreachable: 1, overflowed: 2, misdirected: 3, badFrames: 4, refused: 5 }
  const page = { outboxWrites: 5, unansweredWrites: 6, keptLeases: 7 }
  const status = { ...aloneStatus, adopted: [9], links: [link, { ...link, peer: 'q', state: 'opening' as const }] }
  return renderMetrics({ status, replica: counts, links, forwarded: 38, fsync, roundTrips, page })
}

interface Family {
  readonly type: string
  readonly samples: { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[]
}

/** Prometheus' text format, version 0.0.4, read as strictly as it is described: anything else throws. */
function parse(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line must end')
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let help: string | null = null
  let current: [string, Family] | null = null
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (comment?.[1] === 'HELP' && comment[2] !== undefined) {
      if (families.has(comment[2])) throw new Error(`${comment[2]} comes twice`)
      help = comment[2]
    } else if (comment?.[1] === 'TYPE' && comment[2] !== undefined && comment[3] !== undefined) {
      if (comment[2] !== help) throw new Error(`a type without its help: ${line}`)
      if (!['counter', 'gauge', 'histogram'].includes(comment[3])) throw new Error(`no such type: ${line}`)
      current = [comment[2], { type: comment[3], samples: [] }]
      families.set(...current)
    } else if (sample?.[1] !== undefined && current !== null) {
      const [name, family] = current
      const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      if (!suffixes.some(suffix => sample[1] === name + suffix)) throw new Error(`out of place: ${line}`)
      const value = Number(sample[3])
      if (Number.isNaN(value)) throw new Error(`no number: ${line}`)
      const series = line.slice(0, line.lastIndexOf(' '))
      if (seen.has(series)) throw new Error(`twice: ${line}`)
      seen.add(series)
      family.samples.push({ name: sample[1], labels: parseLabels(sample[2] ?? ''), value })
    } else throw new Error(`not understood: ${line}`)
  }
  return families
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/.exec(rest)
    if (pair?.[1] === undefined || pair[2] === undefined) throw new Error(`not a label: ${rest}`)
    labels[pair[1]] = pair[2].replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
    rest = rest.slice(pair[0].length)
  }
  return labels
}

test('all of it is in the text format, under etcd’s names', () => {
  const families = parse(render())
  const value = (name: string) => families.get(name)?.samples[0]?.value
  expect(value('etcd_server_has_leader')).toBe(1)
  expect(value('etcd_server_is_leader')).toBe(1)
  expect(value('etcd_server_leader_changes_seen_total')).toBe(1)
  expect(value('etcd_server_proposals_committed_total')).toBe(3)
  expect(value('etcd_server_proposals_pending')).toBe(3)
  expect(value('etcd_mvcc_put_total')).toBe(7)
  expect(value('etcd_mvcc_range_total')).toBe(8)
  expect(value('etcd_debugging_mvcc_keys_total')).toBe(12)
  expect(value('etcd_mvcc_db_total_size_in_bytes')).toBe(13)
  expect(value('etcd_server_quota_backend_bytes')).toBe(14)
  expect(value('etcd_debugging_lease_granted_total')).toBe(20)
  expect(value('flotilla_outbox_writes')).toBe(5)
  expect(value('flotilla_adopted_members')).toBe(1)
  expect(families.get('flotilla_links')?.samples).toMatchObject([
    { labels: { kind: 'webrtc', state: 'up' }, value: 1 },
    { labels: { kind: 'webrtc', state: 'opening' }, value: 1 },
  ])
  // A link on its way up has no figures yet, and one peer is not to be there twice.
  const of = (name: string) => families.get(name)?.samples.map(({ labels, value }) => ({ ...labels, value }))
  expect(of('etcd_network_peer_sent_bytes_total')).toEqual([{ To: link.peer, value: 34 }])
  expect(of('etcd_network_peer_received_bytes_total')).toEqual([{ From: link.peer, value: 35 }])
  expect(of('flotilla_link_dropped_messages_total')).toEqual([{ To: link.peer, value: 36 }])
  expect(of('flotilla_link_reconnects_total')).toEqual([{ To: link.peer, value: 37 }])
  expect(of('flotilla_link_queue_bytes')).toEqual([
    { To: link.peer, precedence: 'urgent', value: 31 },
    { To: link.peer, precedence: 'append', value: 32 },
    { To: link.peer, precedence: 'snapshot', value: 33 },
  ])
  expect(value('flotilla_frames_forwarded_total')).toBe(38)
  for (const name of families.keys()) expect(name).toMatch(/^(etcd|flotilla)_/)
})

test('every count of the member is there', () => {
  const values = [...parse(render()).values()].flatMap(({ samples }) => samples.map(({ value }) => value))
  for (const [name, count] of Object.entries(counts)) expect(values, name).toContain(count)
})

test('a histogram counts up to each bound, and everything in the last', () => {
  const fsync = parse(render()).get('etcd_disk_wal_fsync_duration_seconds')
  const bucket = (le: string) => fsync?.samples.find(({ labels }) => labels.le === le)?.value
  expect(fsync?.type).toBe('histogram')
  expect(bucket('0.001')).toBe(2)
  expect(bucket('0.002')).toBe(3)
  expect(bucket('8.192')).toBe(3)
  expect(bucket('+Inf')).toBe(4)
  expect(fsync?.samples.find(({ name }) => name.endsWith('_count'))?.value).toBe(4)
  expect(fsync?.samples.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(30.0026)
})

test('a round trip counts once for each measurement, for as long as there is a link', () => {
  const family = parse(render()).get('etcd_network_peer_round_trip_time_seconds')
  const count = family?.samples.find(({ name }) => name.endsWith('_count'))
  expect(count).toMatchObject({ labels: { To: 'p"1\\' }, value: 2 })
  const roundTrips = new RoundTrips()
  roundTrips.observe([link])
  roundTrips.observe([])
  expect(roundTrips.samples()).toEqual([])
})

test('what a label holds cannot break out of it', () => {
  const text = new MetricsText()
  text.family('a', 'b', 'gauge', [{ labels: { x: 'a"} 1\n\\' }, value: 1 }])
  expect(parse(text.toString()).get('a')?.samples).toEqual([{ name: 'a', labels: { x: 'a"} 1\n\\' }, value: 1 }])
})
