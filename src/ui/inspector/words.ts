import type { DatabaseEvent, MembershipReason, WithheldBecause } from '../../client/flotilla.ts'
import { restartsMax, restartWindowMs } from '../../client/limits.ts'
import type { ClusterView, MemberView } from '../cluster/view.ts'
import { milliseconds, number } from '../cluster/words.ts'
import type { PastRole } from './history.ts'

/** `good` and `bad` are for the quorum alone; what else happens is part of life. */
export type EventTone = 'lead' | 'good' | 'bad' | 'member' | 'tab'

export interface EventWords {
  readonly tone: EventTone
  readonly text: string
  readonly why: string | null
}

/** One line for each thing that happened. `nameOf` also knows this tab's own member. */
export function eventWords(event: DatabaseEvent, nameOf: (member: number) => string): EventWords[] {
  switch (event.kind) {
    case 'leader': {
      const text = event.leader === 0 ? 'Nobody leads' : `${nameOf(event.leader)} leads`
      return [{ tone: 'lead', text: `${text}, term ${number(event.term)}`, why: null }]
    }
    case 'quorum':
      return event.reached
        ? [{ tone: 'good', text: 'A majority is in reach', why: null }]
        : [{ tone: 'bad', text: 'No majority in reach', why: 'Writes wait on this device until there is one.' }]
    case 'membership':
      return event.changes.map(({ member, change, reason }) => {
        return { tone: 'member', text: `${nameOf(member)} ${changeWords[change]}`, why: reasonWords[reason] }
      })
    case 'withheld':
      return event.changes.map(({ member, change }) => {
        return { tone: 'bad', text: `${nameOf(member)} ${withheldWords[change]}`, why: becauseWords[event.because] }
      })
    case 'snapshot': {
      const text = `This tab was given the state up to entry ${number(event.index)}`
      return [{ tone: 'tab', text, why: 'The leader no longer had the entries it missed.' }]
    }
    case 'adopted':
      return [{ tone: 'tab', text: `This tab speaks for ${nameOf(event.member)}`, why: 'Its own tab is gone.' }]
    case 'released':
      return [
        {
          tone: 'tab',
          text: `This tab let go of ${nameOf(event.member)}`,
          why: 'No vote of it is needed any more; its log stays.',
        },
      ]
    case 'retired':
      return [
        { tone: 'tab', text: `The log of ${nameOf(event.member)} was deleted`, why: 'The cluster had removed it.' },
      ]
    case 'damaged': {
      const lost = event.lostWrites ? ' Some of its unsent writes are lost.' : ''
      const why = `Nobody can speak for it any more; another takes its place.${lost}`
      return [{ tone: 'bad', text: `The log of ${nameOf(event.member)} is damaged`, why }]
    }
    case 'refused': {
      const why = 'Whoever may only look can change nothing, whatever its page is made to say.'
      return [{ tone: 'bad', text: `${nameOf(event.member)} tried what it may not`, why }]
    }
    case 'woke':
      return [{ tone: 'tab', text: 'This tab woke', why: `It had stood still for ${seconds(event.asleepMs)}.` }]
    default:
      return event satisfies never
  }
}

type Change = Extract<DatabaseEvent, { kind: 'membership' }>['changes'][number]['change']

const changeWords: Readonly<Record<Change, string>> = {
  joined: 'joined',
  promoted: 'got a vote',
  demoted: 'gave its vote up',
  removed: 'is no longer a member',
}

const withheldWords: Readonly<Record<Change, string>> = {
  joined: 'is not let in yet',
  promoted: 'gets no vote yet',
  demoted: 'keeps its vote',
  removed: 'stays a member',
}

const reasonWords: Readonly<Record<MembershipReason, string | null>> = {
  asked: 'It asked to be let in.',
  askedToLook: 'It asked to be let in, to look only.',
  caughtUp: 'It has caught up, and one more voter makes the cluster safer.',
  replacement: 'It has caught up, and takes the place of a voter.',
  successor: 'The leader is going, and somebody must be able to take over.',
  leaving: 'It said that it was going.',
  silent: 'It has not been heard of.',
  forgotten: 'It has not been heard of for very long.',
  evenVoters: 'An even number of voters is no safer than one less.',
  tooManyVoters: 'There are more voters than wanted.',
  viewer: 'It may only look.',
  unknown: null,
}

const becauseWords: Readonly<Record<WithheldBecause, string>> = {
  votersSilent: 'Too few of the voters can be heard to decide it.',
  quorumAtRisk: 'Those who would vote then can’t all be heard: it could cost the majority.',
  tooFewVoters: 'There would be too few voters.',
  noSuccessor: 'Nobody could take over from this tab.',
}

export const pastRoleNames: Readonly<Record<PastRole, string>> = {
  leader: 'leader',
  follower: 'follower',
  candidate: 'candidate',
  learner: 'learner',
  viewer: 'viewer',
  unknown: 'not heard yet',
  away: 'out of reach',
  asleep: 'asleep',
  gone: 'not a member',
}

export function seconds(ms: number): string {
  if (ms >= 120_000) return `${Math.round(ms / 60_000)} minutes`
  return ms >= 10_000 ? `${Math.round(ms / 1000)} s` : `${(ms / 1000).toFixed(1)} s`
}

const clockTime = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

/** Of the day, for people. */
export function timeOfDay(at: number): string {
  return clockTime.format(at)
}

/** Under a member's name in the picture: short, for there is little room. */
export function seatWords({ self, role, connected, link, roundTrip }: MemberView, asleep: boolean): string {
  if (self && asleep) return 'frozen'
  if (self) return role === 'leader' ? 'this tab leads' : 'this tab'
  if (!connected) return 'out of reach'
  if (role === 'candidate') return 'candidate'
  const how = link === 'webrtc' ? '' : shortLinks[link]
  const trip = roundTrip === null ? '' : milliseconds(roundTrip)
  const way = [how, trip].filter(word => word !== '').join(' ')
  if (role === 'leader') return ['leads', trip].filter(word => word !== '').join(' · ')
  return way || 'linked'
}

const shortLinks: Readonly<Record<MemberView['link'], string>> = {
  self: '',
  webrtc: '',
  hosted: 'hosted here',
  bridged: 'bridged',
  relay: 'relay',
  indirect: 'forwarded',
  none: 'no link',
}

/** The picture in a sentence. */
export function pictureWords({ members, leader, voters }: ClusterView): string {
  if (members.length === 0) return 'Not a member yet.'
  const count = members.length === 1 ? 'One member' : `${members.length} members`
  const away = members.filter(({ connected }) => !connected).length
  const lead = leader === null ? 'nobody leads' : leader.self ? 'this tab leads' : `${leader.face.name} leads`
  return `${count}, ${voters.total} with a vote, ${away === 0 ? 'all' : members.length - away} in reach; ${lead}.`
}

/** More within the window would end the page's database. `kills`: when there were any, by `Date.now()`. */
export function killsLeft(kills: readonly number[], now: number): number {
  return restartsMax - kills.filter(at => now - at < restartWindowMs).length
}

/** What the browser has promised about what it stores. */
export function keptWords(persisted: boolean | null): string {
  if (persisted === null) return 'Whether the browser keeps it, it does not say.'
  return persisted ? 'The browser has promised to keep it.' : 'The browser may delete it when it needs room.'
}
