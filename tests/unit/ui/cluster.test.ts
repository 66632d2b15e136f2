import { describe, expect, test } from 'vitest'
import type { DatabaseStatus } from '../../../src/client/flotilla.ts'
import { faceOf } from '../../../src/ui/cluster/names.ts'
import { viewCluster } from '../../../src/ui/cluster/view.ts'
import { headlineOf, linkWords, quorumWords } from '../../../src/ui/cluster/words.ts'
import { linkTo } from '../client/fake-link.ts'

type Replica = DatabaseStatus['replica']
type Member = Replica['members'][number]

const position = (role: Replica['role'], commit: number, applied = commit) => ({ role, term: 3, commit, applied })
const member = (id: number, at: Member['position'], more: Partial<Member> = {}): Member => ({
  member: id,
  state: 'voter',
  connected: true,
  position: at,
  ...more,
})

function status(replica: Partial<Replica> = {}, more: Partial<DatabaseStatus> = {}): DatabaseStatus {
  return {
    replica: {
      ...position('follower', 20, 20),
      member: 1,
      leader: 2,
      state: 'voter',
      quorum: true,
      revision: 9,
      members: [
        member(2, position('leader', 25)),
        member(1, position('follower', 11)),
        member(3, position('follower', 18, 17)),
      ],
      pendingWrites: 0,
      ...replica,
    },
    adopted: [],
    links: [linkTo('x', [2], { roundTrip: 0.42 })],
    signaling: 'connected',
    failure: null,
    interruption: null,
    ...more,
  }
}

const rows = (from: DatabaseStatus) => viewCluster(from).members

describe('members', () => {
  test('this tab comes first, with its own position and not the gossip about it', () => {
    expect(rows(status()).map(({ member: id, self, lag }) => ({ id, self, lag }))).toEqual([
      { id: 1, self: true, lag: 5 },
      { id: 2, self: false, lag: 0 },
      { id: 3, self: false, lag: 8 },
    ])
  })

  test('lag is unknown until a member told and while it is out of reach, and never below zero', () => {
    const away = member(4, position('follower', 20, 20), { connected: false })
    const members = [member(1, null), member(2, null), member(3, position('follower', 20, 20)), away]
    expect(rows(status({ members })).map(({ lag }) => lag)).toEqual([0, null, 0, null])
  })

  test('roles are what the leader makes of them: one leader, whatever was last heard of others', () => {
    const members = [
      member(1, null),
      member(2, position('follower', 1)),
      member(3, position('leader', 1)),
      member(4, position('follower', 1), { state: 'learner' }),
      member(5, position('preCandidate', 1)),
      member(6, null),
    ]
    const roles = rows(status({ members })).map(({ role }) => role)
    expect(roles).toEqual(['follower', 'leader', 'follower', 'learner', 'candidate', 'unknown'])
  })

  test('without a quorum nobody leads, whoever led last', () => {
    const view = viewCluster(status({ quorum: false }))
    expect([view.leader, view.members.map(({ role }) => role)]).toEqual([null, ['follower', 'follower', 'follower']])
  })

  test('links are named: self, hosted here, direct, through another, none', () => {
    const members = [1, 2, 3, 4, 5].map(id => member(id, null, { connected: id !== 5 }))
    const views = rows(status({ members }, { adopted: [4] }))
    expect(views.map(({ link }) => link)).toEqual(['self', 'webrtc', 'indirect', 'hosted', 'none'])
    expect(views.map(linkWords)).toEqual(['local', 'WebRTC 0.4 ms', 'forwarded', 'hosted here', 'no link'])
  })

  test('a link that is only opening is none', () => {
    const links = [linkTo('x', [2], { state: 'opening', roundTrip: null })]
    const members = [member(1, null), member(2, null, { connected: false })]
    expect(rows(status({ members }, { links }))[1]?.link).toBe('none')
  })
})

describe('how things stand', () => {
  const apart = [member(1, null), member(2, null, { connected: false }), member(3, null, { connected: false })]

  test.each([
    ['calm', /^3 members connected, .+ leads\.$/, status()],
    ['calm', /Only this tab so far/, status({ leader: 1, members: [member(1, null)] })],
    ['busy', /The leader is gone.*Your 2 writes wait/, status({ quorum: false, leader: 0 })],
    ['warn', /^No majority reachable\.$/, status({ quorum: false, leader: 0, members: apart })],
    ['warn', /^Server away: open tabs keep working/, status({}, { signaling: 'disconnected' })],
    ['busy', /^Joining/, status({ state: 'joining', quorum: false, members: [] })],
    ['warn', /cannot join yet/, status({ state: 'joining', members: [] }, { signaling: 'disconnected' })],
    ['warn', /No WebRTC/, status({}, { signaling: 'unavailable' })],
  ] as const)('%s: %s', (tone, text, from) => {
    const headline = headlineOf(viewCluster(from), 2)
    expect(headline.tone).toBe(tone)
    expect(headline.text).toMatch(text)
  })

  test('the quorum counts voters only, and this tab as in reach', () => {
    const members = [...apart, member(4, null, { state: 'learner' })]
    const view = viewCluster(status({ quorum: false, leader: 0, members }))
    expect(view.quorum).toBe('lost')
    expect(quorumWords(view)).toBe('1 of 3 voters, needs 2')
  })
})

test('a face is the same everywhere, and faces differ', () => {
  const ids = Array.from({ length: 500 }, (_, index) => 2 ** 40 + index * 7919)
  expect(faceOf(81234567890123)).toEqual(faceOf(81234567890123))
  expect(new Set(ids.map(id => faceOf(id).name)).size).toBeGreaterThan(400)
})
