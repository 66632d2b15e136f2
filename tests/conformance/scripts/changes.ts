import type { ConfChangeSingle, ConfChangeType } from '../../../src/raft/types.ts'
import { numberFrom, ScriptError } from './script.ts'

const TYPES: Readonly<Record<string, ConfChangeType>> = {
  v: 'addVoter',
  l: 'addLearner',
  r: 'removeMember',
  u: 'updateMember',
}

/** `v1 l2 r3 u4`: add voter 1, add learner 2, remove 3, update 4. */
export function parseChanges(text: string): ConfChangeSingle[] {
  return text
    .split(/\s+/)
    .filter(word => word !== '')
    .map(word => {
      const type = TYPES[word.charAt(0)]
      if (type === undefined) throw new ScriptError(`unknown change ${word}`)
      return { type, member: numberFrom(word.slice(1), 'change') }
    })
}

export function formatChanges(changes: readonly ConfChangeSingle[]): string {
  return changes
    .map(({ type, member }) => {
      const letter = Object.keys(TYPES).find(key => TYPES[key] === type)
      return `${letter}${member}`
    })
    .join(' ')
}
