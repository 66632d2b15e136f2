/** What a run, or many, went through. */
export interface Statistics {
  /** Virtual time in which things happen. */
  readonly simulatedMs: number
  /** Virtual time in which everyone was asleep, which costs nothing. */
  readonly sleptMs: number
  readonly recoveryMs: number
  /** How often each kind struck. */
  readonly faults: Readonly<Record<string, number>>
  readonly messages: number
  readonly acknowledged: number
  /** Of the acknowledged writes. */
  readonly transactions: number
  readonly reads: number
  /** How often a lock was taken. */
  readonly locks: number
  readonly events: number
  readonly entries: number
  readonly elections: number
  readonly snapshotsInstalled: number
  readonly repeatedWrites: number
  readonly leasesEnded: number
  /** Histories whose search for an order was given up: of those only less is known, see `History`. */
  readonly historiesUndecided: number
}

export const nothing: Statistics = {
  simulatedMs: 0,
  sleptMs: 0,
  recoveryMs: 0,
  faults: {},
  messages: 0,
  acknowledged: 0,
  transactions: 0,
  reads: 0,
  locks: 0,
  events: 0,
  entries: 0,
  elections: 0,
  snapshotsInstalled: 0,
  repeatedWrites: 0,
  leasesEnded: 0,
  historiesUndecided: 0,
}

export function sum(a: Statistics, b: Statistics): Statistics {
  const faults = { ...a.faults }
  for (const [kind, count] of Object.entries(b.faults)) faults[kind] = (faults[kind] ?? 0) + count
  return {
    simulatedMs: a.simulatedMs + b.simulatedMs,
    sleptMs: a.sleptMs + b.sleptMs,
    recoveryMs: a.recoveryMs + b.recoveryMs,
    faults,
    messages: a.messages + b.messages,
    acknowledged: a.acknowledged + b.acknowledged,
    transactions: a.transactions + b.transactions,
    reads: a.reads + b.reads,
    locks: a.locks + b.locks,
    events: a.events + b.events,
    entries: a.entries + b.entries,
    elections: a.elections + b.elections,
    snapshotsInstalled: a.snapshotsInstalled + b.snapshotsInstalled,
    repeatedWrites: a.repeatedWrites + b.repeatedWrites,
    leasesEnded: a.leasesEnded + b.leasesEnded,
    historiesUndecided: a.historiesUndecided + b.historiesUndecided,
  }
}

export function faultsIn({ faults }: Statistics): number {
  return Object.values(faults).reduce((total, count) => total + count, 0)
}

/** What clients asked for and were answered. */
export function operationsIn({ acknowledged, reads }: Statistics): number {
  return acknowledged + reads
}
