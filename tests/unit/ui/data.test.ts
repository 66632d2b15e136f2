import { describe, expect, test } from 'vitest'
import { FlotillaError } from '../../../src/client/flotilla.ts'
import type { ClusterView, MemberView, QuorumState } from '../../../src/ui/cluster/view.ts'
import { missingVoters, noAbsence, noteAbsence } from '../../../src/ui/data/absence.ts'
import { agoWords, copyName, refusalWords, reportWords, storageWords } from '../../../src/ui/data/words.ts'
import { damageNotice } from '../../../src/ui/notices.ts'

function view(quorum: QuorumState, members: readonly Partial<MemberView>[]): ClusterView {
  const voters = { inReach: 0, total: 0, needed: 0 }
  const rest = { self: null, leader: null, term: 1, revision: 1, commit: 1, voters, signaling: 'connected' } as const
  const face = { name: 'Lucky Skua', flag: [] as never }
  const whole = (member: Partial<MemberView>) =>
    ({ member: 1, votes: true, connected: true, face, ...member }) as MemberView
  return { ...rest, quorum, members: members.map(whole) }
}

describe('a majority that is missing', () => {
  const both = [{ member: 1 }, { member: 2 }]
  const alone = [{ member: 1 }, { member: 2, connected: false }]

  test('counts from when it went, through attempts to elect, until it is back', () => {
    let absence = noteAbsence(noAbsence, view('reached', both), 1_000)
    expect(absence.lostSince).toBe(null)
    absence = noteAbsence(absence, view('lost', alone), 2_000)
    absence = noteAbsence(absence, view('lost', alone), 3_000)
    absence = noteAbsence(absence, view('electing', both), 4_000)
    expect(absence.lostSince).toBe(2_000)
    absence = noteAbsence(absence, view('reached', both), 5_000)
    expect(absence.lostSince).toBe(null)
  })

  test('an election by itself is none', () => {
    expect(noteAbsence(noAbsence, view('electing', both), 1_000).lostSince).toBe(null)
    expect(noteAbsence(noAbsence, view('joining', []), 1_000).lostSince).toBe(null)
  })

  test('remembers when each was last in reach, and knows nothing of those who never were', () => {
    let absence = noteAbsence(noAbsence, view('reached', [...both, { member: 3, connected: false }]), 1_000)
    absence = noteAbsence(absence, view('lost', alone), 2_000)
    expect([...absence.lastHeard]).toEqual([
      [1, 2_000],
      [2, 1_000],
    ])
  })

  test('is missed for those who vote', () => {
    const members = [{ member: 1 }, { member: 2, connected: false }, { member: 3, connected: false, votes: false }]
    expect(missingVoters(view('lost', members)).map(({ member }) => member)).toEqual([2])
  })
})

test('a copy is named after its board and day', () => {
  const day = new Date(2026, 2, 7)
  expect(copyName('The autumn release, v2!', day)).toBe('the-autumn-release-v2-2026-03-07.flotilla')
  expect(copyName('Großes Ähm', day)).toBe('großes-ähm-2026-03-07.flotilla')
  expect(copyName('🙂', day)).toBe('board-2026-03-07.flotilla')
  expect(copyName(null, day)).toBe('board-2026-03-07.flotilla')
})

test('times are told roughly, for somebody who looks now', () => {
  const now = new Date(2026, 2, 7, 18, 0).getTime()
  const ago = (minutes: number) => agoWords(now - minutes * 60_000, now)
  expect([0, 1, 59, 180, 3 * 24 * 60].map(ago)).toEqual([
    'just now',
    'a minute ago',
    '59 minutes ago',
    'at 15:00',
    '3 days ago',
  ])
})

test('a refusal to recover can be overruled where that makes sense, and nowhere else', () => {
  const overruled = (code: ConstructorParameters<typeof FlotillaError>[0]) =>
    refusalWords(new FlotillaError(code, '')).allTheSame?.refusal ?? null
  expect(overruled('QUORUM_REACHABLE')).toBe(null)
  expect(overruled('MEMBER_AHEAD')).toBe('MEMBER_AHEAD')
  expect(overruled('SIGNALING_UNREACHABLE')).toBe('SIGNALING_UNREACHABLE')
  expect(overruled('IN_USE')).toBe(null)
  expect(overruled('CORRUPT')).toBe(null)
})

test('a recovered board says what was taken along', () => {
  const report = { member: 1, revision: 1207, missing: [], damaged: [] }
  expect(reportWords({ ...report, entriesBeyondCommit: 0, outboxWrites: 0 })).toHaveLength(1)
  const [, beyond, outbox] = reportWords({ ...report, entriesBeyondCommit: 3, outboxWrites: 1 })
  expect(beyond).toMatch(/^The last 3 changes had not been confirmed/)
  expect(outbox).toMatch(/^One change that waited here/)
})

test('storage is told as far as the browser tells it', () => {
  expect(storageWords({ usage: 3_407_872, quota: 11_811_160_064, persisted: true })).toBe('3.3 MiB of 11.0 GiB')
  expect(storageWords({ usage: 512, quota: null, persisted: null })).toBe('512 B')
  expect(storageWords({ usage: null, quota: null, persisted: null })).toBe('not told by this browser')
})

test('a damaged log is news, and writes lost with it are more than that', () => {
  expect(damageNotice({ rescuedWrites: 2, lostWrites: false })).toMatchObject({ tone: 'info' })
  expect(damageNotice({ rescuedWrites: 2, lostWrites: true })).toMatchObject({ tone: 'error' })
  expect(damageNotice({ rescuedWrites: 2, lostWrites: true }).title).toMatch(/2 changes .* saved .* lost/)
})
