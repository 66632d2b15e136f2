/** Clusters as the inspector may find them, all of it made up: for the page of all states. */
import { readable } from 'svelte/store'
import type { DatabaseEvent, DatabaseStatus, PendingWrite } from '../../src/client/flotilla.ts'
import type { History, Mark, TermMark } from '../../src/ui/inspector/history.ts'
import type { InspectorSource } from '../../src/ui/inspector/source.ts'
import { linkTo } from '../unit/client/fake-link.ts'

type Replica = DatabaseStatus['replica']
type Member = Replica['members'][number]
type Link = DatabaseStatus['links'][number]

/** A cluster and its last minutes. */
interface Inspected {
  readonly status: DatabaseStatus
  readonly source: InspectorSource
}

const minute = 60_000
const self = 3170094551
/** Ids that fall on unlike names and flags. */
const ids = Array.from({ length: 40 }, (_, index) => (index === 0 ? self : 90_071_992 * (index + 3) + index ** 5))
const [, second = 0, third = 0, fourth = 0, fifth = 0] = ids

const at = (role: Replica['role'], applied: number, commit = applied, term = 7) => ({ role, term, commit, applied })

function member(id: number, position: Member['position'], more: Partial<Member> = {}): Member {
  return { member: id, state: 'voter', connected: true, position, ...more }
}

function link(member: number, more: Partial<Link> = {}): Link {
  const roundTrip = 0.3 + (member % 17) / 10
  return linkTo(`peer-${member}`, [member], { roundTrip, ...more })
}

function cluster(members: readonly Member[], leader: number, more: Partial<DatabaseStatus> = {}): DatabaseStatus {
  const own = members.find(({ member }) => member === self)
  const position = own?.position ?? at('follower', 0, 0, 0)
  const links = members
    .filter(({ member, connected }) => connected && member !== self)
    .map(({ member }) => link(member))
  return {
    replica: {
      ...position,
      member: self,
      leader,
      state: own?.state ?? 'joining',
      quorum: leader !== 0,
      revision: 5_210,
      members,
      pendingWrites: 0,
    },
    adopted: [],
    links,
    signaling: 'connected',
    failure: null,
    interruption: null,
    ...more,
  }
}

const figures = `etcd_debugging_mvcc_keys_total 2310
etcd_mvcc_db_total_size_in_bytes 18911200
etcd_server_quota_backend_bytes 536870912
etcd_disk_wal_fsync_duration_seconds_sum 3.86
etcd_disk_wal_fsync_duration_seconds_count 2104
flotilla_proposals_applied_total 5233
`

const request: PendingWrite['request'] = { op: 'compact', revision: 1 }
const pending = [
  'card/todo-1',
  'card/todo-2',
  'about',
  'list/done',
  'card/a-card-with-quite-a-long-name-for-a-key',
].map(
  (key, index): PendingWrite => ({
    operation: index === 1 ? 'txn' : 'put',
    keys: index === 1 ? [key, 'list/todo'] : [key],
    request,
    at: Date.now() - 1_700 * (9 - index),
    durable: index < 3,
    fromEarlierLife: index === 0,
  }),
)

interface Past {
  readonly members?: ReadonlyMap<number, readonly Mark[]>
  readonly terms?: readonly TermMark[]
  readonly events?: readonly DatabaseEvent[]
  readonly pending?: readonly PendingWrite[]
}

export function inventedSource(status: DatabaseStatus, past: Past = {}): InspectorSource {
  const now = Date.now()
  const members = new Map(past.members)
  for (const { member, state, connected } of status.replica.members) {
    if (members.has(member)) continue
    const role = !connected ? 'away' : member === status.replica.leader ? 'leader' : 'follower'
    members.set(member, [{ at: now - 2.6 * minute, role: state === 'learner' && connected ? 'learner' : role }])
  }
  const { term, leader } = status.replica
  const terms = past.terms ?? [{ at: now - 2.6 * minute, term, leader }]
  const history: History = { since: now - 2.6 * minute, members, terms }
  return {
    status: readable(status),
    events: readable(past.events ?? []),
    pending: readable(past.pending ?? []),
    history: readable(history),
    metrics: async () => figures,
    storage: async () => ({ usage: 41_280_000, quota: 6_442_450_944, persisted: true }),
    faults: {
      stepDown: async () => true,
      disconnect: () => {},
      connect: () => {},
      freeze: () => new Promise(() => {}),
      killWorker: () => {},
    },
  }
}

const inspect = (status: DatabaseStatus, past?: Past): Inspected => ({ status, source: inventedSource(status, past) })

/** `marks`: minutes ago, and what the member was from then on. */
function marks(...marks: readonly (readonly [number, Mark['role']])[]): Mark[] {
  return marks.map(([ago, role]) => ({ at: Date.now() - ago * minute, role }))
}

function terms(...terms: readonly (readonly [number, number, number])[]): TermMark[] {
  return terms.map(([ago, term, leader]) => ({ at: Date.now() - ago * minute, term, leader }))
}

/** Minutes ago, seen by this tab. */
function event<E>(ago: number, what: E): E & { at: number; member: number } {
  return { at: Date.now() - ago * minute, member: self, ...what }
}

const five = [
  member(self, at('follower', 5_233)),
  member(second, at('leader', 5_233)),
  member(third, at('follower', 5_233)),
  member(fourth, at('follower', 5_229, 5_231)),
  member(fifth, at('follower', 4_100, 5_120), { state: 'learner' }),
]

const eventfulPast: Past = {
  members: new Map([
    [self, marks([2.7, 'follower'], [1.9, 'leader'], [1.1, 'asleep'], [1.02, 'follower'])],
    [second, marks([2.7, 'leader'], [1.95, 'away'], [1.6, 'follower'], [1.05, 'leader'])],
    [third, marks([2.7, 'follower'], [1.94, 'candidate'], [1.9, 'follower'])],
    [fourth, marks([2.2, 'learner'], [1.5, 'follower'])],
    [fifth, marks([0.4, 'learner'])],
    [ids[5] ?? 0, marks([2.7, 'follower'], [1.4, 'learner'], [0.9, 'away'], [0.3, 'gone'])],
  ]),
  terms: terms([2.7, 5, second], [1.94, 6, 0], [1.9, 6, self], [1.05, 7, second]),
  events: [
    event(2.7, { kind: 'leader', term: 5, leader: second }),
    event(2.2, {
      kind: 'membership',
      index: 4_801,
      changes: [{ member: fourth, change: 'joined', reason: 'asked' }],
    }),
    event(1.94, { kind: 'leader', term: 6, leader: 0 }),
    event(1.9, { kind: 'leader', term: 6, leader: self }),
    event(1.5, {
      kind: 'membership',
      index: 4_920,
      changes: [
        { member: ids[5] ?? 0, change: 'demoted', reason: 'silent' },
        { member: fourth, change: 'promoted', reason: 'replacement' },
      ],
    }),
    event(1.05, { kind: 'quorum', reached: false }),
    event(1.02, { kind: 'woke', asleepMs: 4_970 }),
    event(1.01, { kind: 'quorum', reached: true }),
    event(1.01, { kind: 'leader', term: 7, leader: second }),
    event(0.9, { kind: 'adopted', member: fifth }),
    event(0.8, {
      kind: 'withheld',
      because: 'quorumAtRisk',
      changes: [{ member: third, change: 'demoted', reason: 'silent' }],
    }),
    event(0.4, { kind: 'membership', index: 5_120, changes: [{ member: fifth, change: 'joined', reason: 'asked' }] }),
    event(0.3, {
      kind: 'membership',
      index: 5_121,
      changes: [{ member: ids[5] ?? 0, change: 'removed', reason: 'forgotten' }],
    }),
  ],
}

/** So many members: five of them vote, every ninth is out of reach. */
function crowd(count: number): DatabaseStatus {
  const members = ids.slice(0, count).map((id, index) => {
    const applied = 5_233 - (index % 7 === 3 ? 20 * index : 0)
    const connected = index % 9 !== 8
    return member(id, at(id === second ? 'leader' : 'follower', applied), {
      state: index < 5 ? 'voter' : 'learner',
      connected,
    })
  })
  return cluster(members, second)
}

export const inspected: Readonly<Record<string, () => Inspected>> = {
  '1': () => inspect(cluster([member(self, at('leader', 6, 6, 1))], self)),
  '2': () => inspect(crowd(2)),
  '3': () => {
    const links = [link(second), link(third, { kind: 'bridged', roundTrip: 12.6 })]
    return inspect(cluster(five.slice(0, 3), second, { links }))
  },
  '5': () => {
    const links = [
      link(second),
      link(third, { kind: 'bridged', roundTrip: 12.6 }),
      link(fourth, { kind: 'relay', roundTrip: 184 }),
      link(0, { peer: 'stranger', state: 'opening', members: [], roundTrip: null }),
    ]
    return inspect(cluster(five, second, { adopted: [fifth], links }), eventfulPast)
  },
  '9': () => inspect(crowd(9)),
  '12': () => inspect(crowd(12)),
  '20': () => inspect(crowd(20)),
  '40': () => inspect(crowd(40), eventfulPast),
  'quorum-lost': () => {
    const members = [
      member(self, at('preCandidate', 5_233)),
      member(second, at('leader', 5_233), { connected: false }),
      member(third, at('follower', 5_230), { connected: false }),
    ]
    return inspect(cluster(members, 0, { links: [] }), {
      members: new Map([
        [self, marks([2.7, 'follower'], [0.5, 'candidate'])],
        [second, marks([2.7, 'leader'], [0.6, 'away'])],
        [third, marks([2.7, 'follower'], [0.55, 'away'])],
      ]),
      terms: terms([2.7, 7, second], [0.5, 7, 0]),
      events: [event(0.5, { kind: 'leader', term: 7, leader: 0 }), event(0.5, { kind: 'quorum', reached: false })],
    })
  },
  joining: () => inspect(cluster([], 0)),
  'stepping-down': () => {
    const members = [
      member(self, at('leader', 5_233)),
      member(second, at('candidate', 5_233)),
      member(third, at('follower', 5_233)),
    ]
    const status = cluster(members, self)
    const { faults, ...source } = inventedSource(status)
    return { status, source: { ...source, faults: { ...faults, stepDown: () => new Promise(() => {}) } } }
  },
  disconnected: () => {
    const members = five.slice(0, 3).map(member => ({ ...member, connected: member.member === self }))
    return inspect(cluster(members, 0, { links: [], signaling: 'closed' }), {
      members: new Map([
        [self, marks([2.7, 'follower'], [0.2, 'candidate'])],
        [second, marks([2.7, 'leader'], [0.25, 'away'])],
        [third, marks([2.7, 'follower'], [0.25, 'away'])],
      ]),
      terms: terms([2.7, 7, second], [0.2, 7, 0]),
      pending,
      events: [event(0.2, { kind: 'leader', term: 7, leader: 0 }), event(0.2, { kind: 'quorum', reached: false })],
    })
  },
}
