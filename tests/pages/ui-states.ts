/**
 * Every state of the page, without a cluster: `ui-states.html?state=alone`. For looking at, and for screenshots
 * (`tests/e2e/ui-states.spec.ts` takes them). Without a state it lists them. The board works, on a store in memory.
 */
import { mount, tick, unmount } from 'svelte'
import { readable, writable } from 'svelte/store'
import { type DatabaseStatus, FlotillaError } from '../../src/client/flotilla.ts'
import App from '../../src/ui/App.svelte'
import type { Card } from '../../src/ui/board/model.ts'
import { seed } from '../../src/ui/board/seed.ts'
import { viewCluster } from '../../src/ui/cluster/view.ts'
import type { BoardData, BoardFiles } from '../../src/ui/data/board-data.ts'
import { Desk } from '../../src/ui/desk.ts'
import { damageNotice } from '../../src/ui/notices.ts'
import { problemOf } from '../../src/ui/problems.ts'
import type { Session } from '../../src/ui/session.ts'
import '../../src/ui/theme.css'
import { linkTo } from '../unit/client/fake-link.ts'
import { MemoryBoard } from '../unit/ui/memory-board.ts'
import { inspected, inventedSource } from './inspector-states.ts'

type Replica = DatabaseStatus['replica']
type Member = Replica['members'][number]

const invite = `flotilla1-${'Kx3vQ0b-9TzLwP4n'.repeat(4)}Hs2`
const viewerInvite = invite.replace('-', 'v-')
const viewerId = 91 * 2 ** 20
const [self, second, third, fourth] = [3170094551, 8812045077231, 502377194410, 77120331895]
const at = (role: Replica['role'], applied: number, term = 4) => ({ role, term, commit: applied, applied })

function member(id: number, position: Member['position'], more: Partial<Member> = {}): Member {
  return { member: id, state: 'voter', connected: true, position, ...more }
}

const alone: DatabaseStatus = {
  replica: {
    ...at('leader', 6, 1),
    member: self,
    leader: self,
    state: 'voter',
    quorum: true,
    revision: 3,
    members: [member(self, at('leader', 6, 1))],
    pendingWrites: 0,
  },
  adopted: [],
  links: [],
  signaling: 'connected',
  failure: null,
  interruption: null,
}

const three: DatabaseStatus = {
  ...alone,
  replica: {
    ...alone.replica,
    ...at('follower', 1482),
    leader: second,
    revision: 1207,
    members: [
      member(self, at('follower', 1482)),
      member(second, at('leader', 1482)),
      member(third, at('follower', 1479)),
    ],
  },
  links: [linkTo('b', [second]), linkTo('c', [third], { kind: 'bridged', roundTrip: 12.6 })],
}

function replica(change: Partial<Replica>, more: Partial<DatabaseStatus> = {}): DatabaseStatus {
  return { ...three, ...more, replica: { ...three.replica, ...change } }
}

const ownViewer = member(viewerId, at('follower', 1482), { state: 'learner' })

/** A tab that may only look: one editor is reached over the server, one by way of that one. */
const viewing: DatabaseStatus = {
  ...three,
  replica: {
    ...three.replica,
    member: viewerId,
    state: 'learner',
    members: [...three.replica.members, ownViewer],
  },
  links: [linkTo('b', [second], { kind: 'relay', roundTrip: 31 }), linkTo('c', [third], { roundTrip: 4.1 })],
}

const look = ({ board }: Stage) => {
  board.readOnly = true
}

const leaderLost = replica(
  {
    leader: 0,
    quorum: false,
    role: 'preCandidate',
    members: [
      member(self, at('preCandidate', 1482)),
      member(second, at('leader', 1482), { connected: false }),
      member(third, at('follower', 1479)),
    ],
  },
  { links: [linkTo('c', [third])] },
)
const offline = replica(
  {
    leader: 0,
    quorum: false,
    role: 'preCandidate',
    members: [
      member(self, at('preCandidate', 1482)),
      member(second, at('leader', 1482), { connected: false }),
      member(third, at('follower', 1479), { connected: false }),
    ],
  },
  { links: [], signaling: 'disconnected' },
)
const joining: DatabaseStatus = {
  ...alone,
  replica: {
    ...alone.replica,
    ...at('follower', 0, 0),
    leader: 0,
    state: 'joining',
    quorum: false,
    revision: 1,
    members: [],
  },
}
const learner = replica(
  {
    members: [
      member(self, at('follower', 1482)),
      member(second, at('leader', 1482)),
      member(third, at('follower', 1479)),
      member(fourth, at('follower', 310), { state: 'learner' }),
      member(6634, null, { state: 'learner', connected: false }),
    ],
  },
  { adopted: [fourth], links: [linkTo('b', [second]), linkTo('c', [third], { kind: 'relay', roundTrip: 184 })] },
)

const inventedData: BoardData = {
  storage: async () => ({ usage: 3_407_872, quota: 11_811_160_064, persisted: true }),
  copy: async () => new Blob(['a copy']),
  remove: async () => 'everywhere',
  recover: async () => {
    throw new FlotillaError('SIGNALING_UNREACHABLE', 'The signaling server was not reached.')
  },
}

const inventedFiles: BoardFiles = {
  inspect: async file => ({ clusterId: '', revision: 1207, createdAt: new Date(2026, 10, 3, 14, 5), bytes: file.size }),
  found: async () => invite,
}

type Stage = { board: MemoryBoard; desk: Desk }

async function open(
  status: DatabaseStatus,
  act: (stage: Stage) => unknown = () => {},
  inspector = inventedSource(status),
): Promise<Session> {
  const board = new MemoryBoard()
  await seed(board, () => 0.5)
  const desk = new Desk(board)
  desk.board.subscribe(() => {})
  await act({ board, desk })
  const stores = { status: readable(status), cluster: readable(viewCluster(status)) }
  const invites = { invite: board.readOnly ? viewerInvite : invite, viewerInvite }
  return { kind: 'open', ...invites, desk, ...stores, inspector, data: inventedData, seeding: false }
}

const failed = (...[code, message]: ConstructorParameters<typeof FlotillaError>): Promise<Session> =>
  Promise.resolve({ kind: 'failed', problem: problemOf(new FlotillaError(code, message)) })

function card(desk: Desk, id: string): Card {
  let found: Card | null = null
  desk.board.subscribe(({ lists }) => {
    found = lists.flatMap(({ cards }) => cards).find(candidate => candidate.id === id) ?? null
  })()
  if (!found) throw new Error(`No card ${id}`)
  return found
}

const states: Record<string, () => Promise<Session>> = {
  founding: async () => ({ kind: 'starting', how: 'found' }),
  opening: async () => ({ kind: 'starting', how: 'open' }),
  joining: () => open(joining),
  'joining-server-away': () => open({ ...joining, signaling: 'disconnected' }),
  alone: () => open(alone),
  three: () => open(three),
  learners: () => open(learner),
  'with-viewer': () => open(replica({ members: [...three.replica.members, ownViewer] })),
  viewer: () => open(viewing, look),
  'viewer-without-majority': () => open({ ...viewing, replica: { ...viewing.replica, quorum: false } }, look),
  'new-version': () => open(three),
  'leader-lost': () => open(leaderLost),
  'server-away': () => open({ ...three, signaling: 'disconnected' }),
  offline: () =>
    open(offline, ({ board, desk }) => {
      board.held = true
      desk.addCard('todo', 'Written while nobody else can be reached')
      desk.moveCard('doing-1', { list: 'done', index: 0 })
    }),
  clash: () =>
    open(three, async ({ board, desk }) => {
      const seen = card(desk, 'doing-1')
      board.write('card/doing-1', { ...board.board().lists[1]?.cards[0], text: 'Looking around, with Ada' })
      desk.editCard(seen, 'Looking around, then lunch')
      const gone = card(desk, 'done-1')
      board.write('card/done-1', null)
      desk.editCard(gone, 'Found a board that needs no server at all')
    }),
  'changed-meanwhile': () =>
    open(three, ({ board, desk }) => {
      desk.beginEditing(card(desk, 'doing-1'))
      desk.draft('Looking around, then lunch')
      const [value] = board.board().lists[1]?.cards ?? []
      board.write('card/doing-1', { ...value, text: 'Looking around, with Ada, who knows the place and its ways' })
    }),
  'pending-after-reload': () =>
    open(offline, ({ board }) => {
      const edited = {
        list: 'todo',
        order: 'V1',
        text: 'Drag this card, or move it with the keys (edited before the reload)',
      }
      const added = { list: 'doing', order: 'z1', text: 'Written on the train, before the page was reloaded' }
      board.unanswered.set([
        { writes: [{ kind: 'put', key: 'card/todo-2', value: edited }], kept: true, earlier: true },
        { writes: [{ kind: 'put', key: 'card/new', value: added }], kept: true, earlier: true },
        { writes: [{ kind: 'delete', key: 'card/done-1' }], kept: true, earlier: true },
      ])
    }),
  'conflict-after-reload': () =>
    open(three, async ({ board, desk }) => {
      const seen = card(desk, 'doing-1')
      const { list, order, modRevision } = seen
      board.write('card/doing-1', { list, order, text: 'Looking around, with Ada' })
      board.settle({
        guards: [{ kind: 'unchanged', key: 'card/doing-1', modRevision }],
        writes: [{ kind: 'put', key: 'card/doing-1', value: { list, order, text: 'Looking around, on the train' } }],
      })
      await new Promise<void>(resolve => desk.notices.subscribe(notices => notices[0] && resolve()))
    }),
  'too-large': () =>
    open(three, ({ board, desk }) => {
      board.failure = new FlotillaError('REQUEST_TOO_LARGE', 'too large')
      desk.addCard('todo', 'A whole book, pasted into one card. '.repeat(50))
    }),
  undo: () => open(three, ({ desk }) => desk.deleteCard(card(desk, 'todo-2'))),
  empty: () =>
    open(alone, ({ board }) => {
      for (const { key } of [...board.board().lists].map(({ id }) => ({ key: `list/${id}` }))) board.write(key, null)
      for (const { id } of board.board().strays) board.write(`card/${id}`, null)
    }),
  full: () =>
    open(three, ({ board }) => {
      for (let list = 0; list < 6; list++) {
        board.write(`list/x${list}`, { title: `A list with quite a long title, number ${list}`, order: `k${list}` })
        for (let index = 0; index < 5 + list * 4; index++) {
          const text =
            index % 4 === 0
              ? 'A longer card, which takes several lines to say what it has to say. '.repeat(3)
              : 'A card'
          board.write(`card/x${list}-${index}`, {
            list: `x${list}`,
            text,
            order: `a${String(index).padStart(3, '0')}1`,
          })
        }
      }
      board.write('card/stray', { list: 'gone', text: 'Its list was deleted', order: 'a1' })
      board.write('card/strange', 'not a card at all')
      board.write('about', { title: 'The autumn release, and everything that was left over from the summer one' })
    }),
  'invite-malformed': () => failed('INVALID_INVITE', 'The invite is cut off: some of its end is missing.'),
  'no-indexeddb': () => failed('STORAGE_UNAVAILABLE', ''),
  'no-webrtc': () => failed('WEBRTC_UNAVAILABLE', ''),
  'no-webrtc-alone': () => open({ ...alone, signaling: 'unavailable' }),
  'no-web-locks': () => failed('LOCKS_UNAVAILABLE', ''),
  insecure: () => failed('INSECURE_CONTEXT', ''),
  'no-worker': () => failed('WORKER_UNAVAILABLE', ''),
  ...Object.fromEntries(
    Object.entries(inspected).map(([name, make]) => [
      `inspector-${name}`,
      () => {
        const { status, source } = make()
        return open(status, () => {}, source)
      },
    ]),
  ),
  'disk-full': () =>
    open(
      replica(
        { quorum: false, leader: 0 },
        { interruption: new FlotillaError('NOSPACE', 'The quota has been exceeded.') },
      ),
    ),
  'storage-away': () =>
    open(
      replica(
        { quorum: false, leader: 0 },
        { interruption: new FlotillaError('STORAGE_UNAVAILABLE', 'The disk failed.') },
      ),
    ),
  'disk-full-at-start': () => failed('NOSPACE', 'The quota has been exceeded.'),
  'damaged-and-replaced': () =>
    open(three, ({ desk }) => desk.tell(damageNotice({ rescuedWrites: 2, lostWrites: true }))),
  evicted: () => open({ ...three, failure: new FlotillaError('EVICTED', 'The database was deleted.') }),
  removed: () => open({ ...three, failure: new FlotillaError('REMOVED', '') }),
  'log-damaged': () => failed('CORRUPT', 'Record 17 does not match its checksum.'),
}

declare global {
  interface Window {
    /** Shows another state in place of this one: much faster than loading the page anew. */
    showState?: (name: string) => Promise<void>
  }
}

const target = document.querySelector('#app')
if (!target) throw new Error('The page has no #app.')
let shown: ReturnType<typeof mount> | null = null

async function show(name: string): Promise<void> {
  const make = states[name]
  if (!target || !make) throw new Error(`There is no state ${name}.`)
  if (shown) await unmount(shown)
  target.replaceChildren()
  const session = writable<Session>({ kind: 'starting', how: 'open' })
  const nothing = () => {}
  const newerReady = readable(name === 'new-version')
  shown = mount(App, {
    target,
    props: {
      session,
      newerReady,
      files: inventedFiles,
      onDeleted: nothing,
      onNewBoard: nothing,
      onOpenLink: nothing,
      onReload: nothing,
    },
  })
  session.set(await make())
  await tick()
  if (name.startsWith('inspector-')) document.querySelector<HTMLElement>('[data-inspect]')?.click()
  await tick()
  document.body.dataset.shown = ''
}

window.showState = show
const name = new URLSearchParams(location.search).get('state')
if (name !== null) show(name)
else {
  const list = document.createElement('ul')
  for (const state of Object.keys(states)) {
    const entry = document.createElement('a')
    entry.href = `?state=${state}`
    entry.textContent = state
    list.append(document.createElement('li'))
    list.lastElementChild?.append(entry)
  }
  target.append(list)
}
