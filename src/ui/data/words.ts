import type { RecoverRefusal, RecoverReport, RecoverStep, StorageUse } from '../../client/flotilla.ts'
import { bytes, number } from '../cluster/words.ts'
import { codeOf } from '../problems.ts'

/** Why a file was not taken, or not made. */
export function fileWords(error: unknown): string {
  switch (codeOf(error)) {
    case 'INVALID_BACKUP':
      return 'This file is not a copy of a board, or it was cut off or changed on its way. Nothing was done with it.'
    case 'NOSPACE':
      return 'This browser has no room left for another board. Free some disk space or delete a board, then try again.'
    case 'UNAVAILABLE':
      return 'No majority could be reached, and this tab has nothing of the board yet.'
    default:
      return `That did not work. ${messageOf(error)}`
  }
}

/** Why a board was not deleted from here, and what doing so all the same would mean. */
export function removalWords(error: unknown): string {
  switch (codeOf(error)) {
    case 'LAST_MEMBER':
      return 'Nobody else who has this board is in reach. This may be the last copy there is.'
    case 'UNREMOVED':
      return 'The others did not confirm in time that they let this tab go. Deleted all the same, it stays on their list until they give it up.'
    case 'UNAVAILABLE':
      return 'Changes made here have not reached a majority yet. They would be deleted with it.'
    default:
      return `That did not work. ${messageOf(error)}`
  }
}

export interface RefusalWords {
  readonly title: string
  readonly text: string
  /** What going on in spite of it would be called; null if that is not possible, or makes no sense. */
  readonly allTheSame: { readonly label: string; readonly refusal: RecoverRefusal } | null
}

export function refusalWords(error: unknown): RefusalWords {
  switch (codeOf(error)) {
    case 'QUORUM_REACHABLE':
      return {
        title: 'They are back',
        text: 'A majority answered, so the board lives and nothing was done. What waited here is being sent.',
        allTheSame: null,
      }
    case 'MEMBER_AHEAD':
      return {
        title: 'Somebody in reach has more',
        text: 'Another browser has changes that this one was never told of. Nothing was done. Recover there, or those changes are lost.',
        allTheSame: { label: 'Recover here, without them', refusal: 'MEMBER_AHEAD' },
      }
    case 'SIGNALING_UNREACHABLE':
      return {
        title: 'Nobody could be heard',
        text: 'The server that introduces tabs to each other is not in reach, so the others may well be alive. Nothing was done. Wait until this browser is online, if you can.',
        allTheSame: { label: 'Recover all the same', refusal: 'SIGNALING_UNREACHABLE' },
      }
    case 'IN_USE':
      return {
        title: 'Another tab has this board open',
        text: 'Every tab of this browser knows a part. Close the other tabs of this board, then try again.',
        allTheSame: null,
      }
    default:
      return { title: 'It was not recovered', text: `Nothing was changed. ${messageOf(error)}`, allTheSame: null }
  }
}

export const stepWords: Readonly<Record<RecoverStep, string>> = {
  listening: 'Listening for the others once more, for a quarter of a minute…',
  founding: 'Making the new board of what this browser has…',
  opening: 'Opening the new board…',
}

/** What a recovered board holds. */
export function reportWords({ revision, entriesBeyondCommit, outboxWrites }: RecoverReport): string[] {
  const words = [`It has everything up to revision ${number(revision)}, the last that this browser knew.`]
  if (entriesBeyondCommit > 0) {
    const changes = entriesBeyondCommit === 1 ? 'The last change' : `The last ${number(entriesBeyondCommit)} changes`
    words.push(`${changes} had not been confirmed, as far as was known here. They were taken along.`)
  }
  if (outboxWrites > 0) {
    words.push(
      `${outboxWrites === 1 ? 'One change' : `${number(outboxWrites)} changes`} that waited here will be made there.`,
    )
  }
  return words
}

/** What the browser keeps for this site, and how much it would. */
export function storageWords({ usage, quota }: StorageUse): string {
  if (usage === null) return 'not told by this browser'
  return quota === null ? bytes(usage) : `${bytes(usage)} of ${bytes(quota)}`
}

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

/** When something was, for somebody who looks now. */
export function agoWords(at: number, now: number): string {
  const minutes = Math.round((now - at) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`
  return minutes < 24 * 60 ? `at ${clock.format(at)}` : `${Math.round(minutes / (24 * 60))} days ago`
}

/** `the-autumn-release-2026-11-21.flotilla` */
export function copyName(title: string | null, at: Date): string {
  const words = title?.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? ['board']
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(part => String(part).padStart(2, '0'))
  return `${Array.from(words.join('-')).slice(0, titleLettersMax).join('')}-${day.join('-')}.flotilla`
}

const titleLettersMax = 60

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
