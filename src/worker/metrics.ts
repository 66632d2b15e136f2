import type { LinksCounters } from '../net/worker/links.ts'
import type { ReplicaMetrics } from '../replica/types.ts'
import type { HostStatus, PeerTotals } from './protocol.ts'

/** In seconds; etcd's own for `etcd_disk_wal_fsync_duration_seconds`: 1 ms, doubled 13 times. */
export const fsyncBucketsSeconds: readonly number[] = doubled(0.001, 14)
/** etcd's own for `etcd_network_peer_round_trip_time_seconds`: 0.1 ms, doubled 15 times. */
export const roundTripBucketsSeconds: readonly number[] = doubled(0.0001, 16)

/** Counts of observations up to each bound, as Prometheus has them. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0
  #count = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    this.#sum += value
    this.#count += 1
    const bucket = this.#bounds.findIndex(bound => value <= bound)
    if (bucket !== -1) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  samples(labels: Labels): Sample[] {
    let below = 0
    const buckets = this.#bounds.map((bound, i): Sample => {
      below += this.#counts[i] ?? 0
      return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: below }
    })
    return [
      ...buckets,
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: this.#count },
      { suffix: '_sum', labels, value: this.#sum },
      { suffix: '_count', labels, value: this.#count },
    ]
  }
}

/** Round trips to each peer there is a link to. */
export class RoundTrips {
  readonly #peers = new Map<string, { last: number | null; readonly histogram: Histogram }>()

  /** To be told whenever links change, of which a new measurement is one. Peers that are gone are forgotten. */
  observe(links: HostStatus['links']): void {
    for (const name of this.#peers.keys()) if (!links.some(({ peer }) => peer === name)) this.#peers.delete(name)
    for (const { peer, roundTrip } of links) {
      const known = this.#peers.get(peer) ?? { last: null, histogram: new Histogram(roundTripBucketsSeconds) }
      this.#peers.set(peer, known)
      if (roundTrip === null || roundTrip === known.last) continue
      known.last = roundTrip
      known.histogram.observe(roundTrip / 1000)
    }
  }

  samples(): Sample[] {
    return [...this.#peers].flatMap(([peer, { histogram }]) => histogram.samples({ To: peer }))
  }
}

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly suffix?: string
  readonly labels?: Labels
  readonly value: number
}

export interface MetricsParts {
  readonly status: HostStatus
  readonly replica: ReplicaMetrics
  readonly links: LinksCounters
  /** Frames passed on for others. */
  readonly forwarded: number
  readonly fsync: Histogram
  readonly roundTrips: RoundTrips
  readonly page: { readonly outboxWrites: number; readonly unansweredWrites: number; readonly keptLeases: number }
}

/**
 * All there is to count, in Prometheus' text format. Where etcd counts the same, the name is etcd's, and a dashboard made for
 * etcd shows it; what only we have begins with `flotilla_`.
 */
export function renderMetrics({ status, replica, links, forwarded, fsync, roundTrips, page }: MetricsParts): string {
  const { member, leader, commit, applied, members } = status.replica
  const text = new MetricsText()
  text.gauge('etcd_server_has_leader', 'Whether a leader exists.', leader === 0 ? 0 : 1)
  text.gauge('etcd_server_is_leader', 'Whether this member leads.', leader === member ? 1 : 0)
  text.counter('etcd_server_leader_changes_seen_total', 'Leader changes seen.', replica.leaderChanges)
  text.gauge('etcd_server_is_learner', 'Whether this member is a learner.', status.replica.state === 'voter' ? 0 : 1)
  text.gauge('etcd_server_proposals_committed_total', 'Index of the last entry committed.', commit)
  text.gauge('etcd_server_proposals_applied_total', 'Index of the last entry applied.', applied)
  text.gauge('etcd_server_proposals_pending', 'Proposals of this member not applied yet.', replica.proposalsPending)
  text.counter('etcd_server_proposals_failed_total', 'Proposals refused.', replica.proposalsFailed)
  text.gauge('etcd_server_quota_backend_bytes', 'Most bytes the store may hold.', replica.quotaBytes)
  text.gauge('etcd_mvcc_db_total_size_in_bytes', 'Bytes held, as counted against the quota.', replica.sizeBytes)
  text.counter('etcd_mvcc_put_total', 'Puts applied.', replica.puts)
  text.counter('etcd_mvcc_delete_total', 'Deletes applied.', replica.deletes)
  text.counter('etcd_mvcc_txn_total', 'Transactions applied.', replica.txns)
  text.counter('etcd_mvcc_range_total', 'Ranges answered.', replica.ranges)
  text.gauge('etcd_debugging_mvcc_keys_total', 'Keys held.', replica.keys)
  text.gauge('etcd_debugging_mvcc_current_revision', 'Revision of the store.', status.replica.revision)
  text.gauge('etcd_debugging_mvcc_compact_revision', 'Revision compacted up to.', replica.compactRevision)
  text.gauge('etcd_debugging_mvcc_watcher_total', 'Watches open.', replica.watchers)
  text.gauge('etcd_debugging_mvcc_slow_watcher_total', 'Watches that lag behind.', replica.slowWatchers)
  text.counter('etcd_debugging_mvcc_events_total', 'Events given to watches.', replica.eventsSent)
  text.counter('etcd_debugging_lease_granted_total', 'Leases granted.', replica.leasesGranted)
  text.counter('etcd_debugging_lease_revoked_total', 'Leases revoked.', replica.leasesRevoked)
  text.counter('etcd_debugging_lease_renewed_total', 'Keepalives applied.', replica.leasesRenewed)
  text.counter('etcd_debugging_server_lease_expired_total', 'Leases that ran out.', replica.leasesExpired)
  text.histogram('etcd_disk_wal_fsync_duration_seconds', 'Durable writes to the log.', fsync.samples({}))
  text.histogram('etcd_network_peer_round_trip_time_seconds', 'Round trips to peers.', roundTrips.samples())

  text.gauge('flotilla_members', 'Members of the cluster.', members.length)
  text.gauge('flotilla_members_connected', 'Members in reach.', members.filter(({ connected }) => connected).length)
  text.gauge('flotilla_quorum', 'Whether a quorum is in reach, as far as is known here.', status.replica.quorum ? 1 : 0)
  text.gauge('flotilla_adopted_members', 'Members of other tabs hosted here.', status.adopted.length)
  text.gauge('flotilla_leases', 'Leases that live.', replica.leases)
  text.counter(
    'flotilla_proposals_applied_total',
    'Entries applied since this member was opened.',
    replica.proposalsApplied,
  )
  text.counter(
    'flotilla_messages_refused_total',
    'Messages of viewers that had no effect, as viewers may not say that.',
    replica.messagesRefused,
  )
  text.counter('flotilla_compactions_total', 'Compactions applied.', replica.compactions)
  text.counter('flotilla_snapshots_made_total', 'Snapshots made.', replica.snapshotsMade)
  text.counter('flotilla_snapshots_installed_total', 'Snapshots received.', replica.snapshotsInstalled)
  text.gauge('flotilla_unanswered_writes', 'Writes of the page not answered yet.', page.unansweredWrites)
  text.gauge('flotilla_outbox_writes', 'Of these, those durably kept.', page.outboxWrites)
  text.gauge('flotilla_kept_leases', 'Leases kept alive from here.', page.keptLeases)
  writeLinks(text, status.links, links)
  text.counter('flotilla_frames_forwarded_total', 'Frames passed on for members that are not linked.', forwarded)
  return text.toString()
}

function writeLinks(text: MetricsText, links: HostStatus['links'], counters: LinksCounters): void {
  const states = countBy(links, ({ kind, state }) => `${kind} ${state}`)
  const stateSamples = [...states].map(([key, value]): Sample => {
    const [kind = '', state = ''] = key.split(' ')
    return { labels: { kind, state }, value }
  })
  text.family('flotilla_links', 'Connections to peers.', 'gauge', stateSamples)
  // One link to a peer is up at most, so each peer is there once.
  const up = links.filter(({ state }) => state === 'up')
  const total = (name: string, help: string, label: 'To' | 'From', of: keyof PeerTotals) =>
    text.family(
      name,
      help,
      'counter',
      up.map(({ peer, peerTotals }) => ({ labels: { [label]: peer }, value: peerTotals[of] })),
    )
  total('etcd_network_peer_sent_bytes_total', 'Bytes sent to peers.', 'To', 'sentBytes')
  total('etcd_network_peer_received_bytes_total', 'Bytes received from peers.', 'From', 'receivedBytes')
  total('flotilla_link_dropped_messages_total', 'Messages lost as too much was waiting.', 'To', 'dropped')
  total('flotilla_link_reconnects_total', 'Times a peer was linked again.', 'To', 'reconnects')
  const queues = up.flatMap(({ peer, queuedBytes }) =>
    Object.entries(queuedBytes).map(([precedence, value]): Sample => ({ labels: { To: peer, precedence }, value })),
  )
  text.family('flotilla_link_queue_bytes', 'Bytes that wait to be sent, by precedence.', 'gauge', queues)
  const lost = Object.entries(counters).map(([reason, value]): Sample => ({ labels: { reason }, value }))
  text.family('flotilla_messages_lost_total', 'Messages between members that were lost here.', 'counter', lost)
}

/** Prometheus' text exposition format, version 0.0.4. */
export class MetricsText {
  #text = ''

  gauge(name: string, help: string, value: number): void {
    this.family(name, help, 'gauge', [{ value }])
  }

  counter(name: string, help: string, value: number): void {
    this.family(name, help, 'counter', [{ value }])
  }

  histogram(name: string, help: string, samples: readonly Sample[]): void {
    this.family(name, help, 'histogram', samples)
  }

  family(name: string, help: string, type: 'counter' | 'gauge' | 'histogram', samples: readonly Sample[]): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
    for (const { suffix = '', labels = {}, value } of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
      this.#text += `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
    }
  }

  toString(): string {
    return this.#text
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function doubled(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * 2 ** i)
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}
