import type { Entry } from './types.ts'

/**
 * What an entry costs beside its payload, on the wire and in memory. Counted so that a limit in bytes also limits the
 * number of empty entries.
 */
export const ENTRY_OVERHEAD_BYTES = 16

function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

/** Payload alone: what flow control counts, where the empty entries that raft itself appends must never be refused. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.data.length
  return bytes
}

/** How many of the entries from `start` up to `end` fit into `maxBytes`; at least one if there is one. */
export function countWithin(entries: readonly Entry[], start: number, end: number, maxBytes: number): number {
  let bytes = 0
  for (let i = start; i < end; i++) {
    const entry = entries[i]
    if (entry === undefined) return i - start
    bytes += entryBytes(entry)
    if (bytes > maxBytes && i > start) return i - start
  }
  return end - start
}
