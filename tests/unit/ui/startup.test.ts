import { describe, expect, test } from 'vitest'
import { parseInvite } from '../../../src/client/flotilla.ts'
import { formatInvite, newInvite } from '../../../src/client/invite.ts'
import { problemOf, writeProblemOf } from '../../../src/ui/problems.ts'
import { decideStart, fragmentOf, linkOf, newBoardFragment } from '../../../src/ui/startup.ts'

const invite = formatInvite(newInvite())

describe('opening the page', () => {
  test.each([
    ['', null, { how: 'found' }],
    ['#', null, { how: 'found' }],
    ['', invite, { how: 'open', invite }],
    [newBoardFragment, invite, { how: 'found' }],
    ['#invite=other', invite, { how: 'open', invite: '#invite=other' }],
    ['#%', invite, { how: 'open', invite: '#%' }],
  ] as const)('with %j and %j remembered', (fragment, remembered, expected) => {
    expect(decideStart(fragment, remembered)).toEqual(expected)
  })

  test('by the link that was handed on opens the same board', () => {
    const link = linkOf('http://localhost:8080/?x=1#invite=old', invite)
    expect(link).toBe(`http://localhost:8080/?x=1${fragmentOf(invite)}`)
    expect(parseInvite(link)).toEqual(parseInvite(invite))
    expect(parseInvite(new URL(link).hash)).toEqual(parseInvite(invite))
  })
})

describe('a failure', () => {
  test('is told in words and with a way out', () => {
    let refused: unknown
    try {
      parseInvite(invite.slice(0, -9))
    } catch (error) {
      refused = error
    }
    const problem = problemOf(refused)
    expect(problem).toMatchObject({ code: 'INVALID_INVITE', ways: ['otherLink', 'newBoard'] })
    expect(problem.detail).toContain('cut off')
  })

  test('nobody foresaw is shown as it is', () => {
    expect(problemOf(new Error('the sea is rough')).detail).toContain('the sea is rough')
    expect(problemOf(undefined).title).not.toBe('')
    expect(writeProblemOf(undefined).title).toBe('Not saved')
  })
})
