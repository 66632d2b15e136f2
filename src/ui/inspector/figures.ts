/** What the inspector takes from the metrics' text. */
export interface Figures {
  readonly keys: number
  readonly storeBytes: number
  readonly storeQuotaBytes: number
  readonly durableWrites: Durations
  /** Entries, since the member was opened. */
  readonly applied: number
}

export interface Durations {
  readonly count: number
  readonly meanMs: number | null
}

export function figuresOf(metrics: string): Figures {
  const samples = new Map<string, number>()
  for (const [, name = '', value = ''] of metrics.matchAll(/^([a-z_]+) (\S+)$/gm)) {
    samples.set(name, Number(value))
  }
  const sample = (name: string) => samples.get(name) ?? 0
  const durations = (name: string): Durations => {
    const count = sample(`${name}_count`)
    return { count, meanMs: count === 0 ? null : (1000 * sample(`${name}_sum`)) / count }
  }
  return {
    keys: sample('etcd_debugging_mvcc_keys_total'),
    storeBytes: sample('etcd_mvcc_db_total_size_in_bytes'),
    storeQuotaBytes: sample('etcd_server_quota_backend_bytes'),
    durableWrites: durations('etcd_disk_wal_fsync_duration_seconds'),
    applied: sample('flotilla_proposals_applied_total'),
  }
}

/** Since the earlier figures; the same worker's, or it began to count anew. */
export function since(earlier: Durations | undefined, now: Durations): Durations {
  if (earlier === undefined || earlier.meanMs === null || now.meanMs === null || now.count < earlier.count) return now
  const count = now.count - earlier.count
  if (count === 0) return { count, meanMs: null }
  return { count, meanMs: (now.meanMs * now.count - earlier.meanMs * earlier.count) / count }
}
