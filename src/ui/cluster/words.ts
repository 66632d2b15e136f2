import type { Waiting } from '../desk.ts'
import type { ClusterView, MemberLink, MemberRole, MemberView } from './view.ts'

export type Tone = 'calm' | 'busy' | 'warn'

export interface Headline {
  readonly tone: Tone
  readonly text: string
}

/** The one line that says how things stand. `waitingWrites` is null for a tab that never writes. */
export function headlineOf(cluster: ClusterView | null, waitingWrites: number | null): Headline {
  if (!cluster) return { tone: 'busy', text: 'Starting this tab’s member…' }
  const { members, leader, quorum, signaling } = cluster
  switch (quorum) {
    case 'joining':
      return joining(signaling)
    case 'electing':
      return { tone: 'busy', text: `The leader is gone. Choosing a new one…${waiting(waitingWrites)}` }
    case 'lost':
      // How many wait, and that they are safe, stands beside it.
      return { tone: 'warn', text: `No majority reachable.${waitingWrites === 0 ? waiting(0) : ''}` }
    case 'reached':
  }
  if (signaling === 'unavailable')
    return { tone: 'warn', text: 'No WebRTC in this browser: nobody else can be reached.' }
  if (signaling === 'disconnected') {
    return { tone: 'warn', text: 'Server away: open tabs keep working, new ones cannot join.' }
  }
  if (signaling === 'refused') {
    return { tone: 'warn', text: 'The server refuses this tab: open tabs keep working, new ones may not join.' }
  }
  if (members.length <= 1) return { tone: 'calm', text: 'Only this tab so far. Share the link to bring in others.' }
  const count = members.filter(({ connected }) => connected).length
  const lead = leader?.self ? 'this tab leads' : leader ? `${leader.face.name} leads` : 'no leader'
  return { tone: 'calm', text: `${count} ${count === 1 ? 'member' : 'members'} connected, ${lead}.` }
}

function joining(signaling: ClusterView['signaling']): Headline {
  switch (signaling) {
    case 'unavailable':
      return { tone: 'warn', text: 'No WebRTC in this browser, so this tab cannot join.' }
    case 'disconnected':
      return { tone: 'warn', text: 'The server is away, so this tab cannot join yet. It keeps trying.' }
    case 'refused':
      return { tone: 'warn', text: 'The server is full or of another version. This tab keeps trying to join.' }
    default:
      return { tone: 'busy', text: 'Joining: waiting for an open tab of this board…' }
  }
}

function waiting(writes: number | null): string {
  if (writes === null) return ''
  if (writes === 0) return ' What you write will wait.'
  return writes === 1 ? ' Your write waits.' : ` Your ${number(writes)} writes wait.`
}

/** How it is with this tab's own writes. */
export function waitingWords({ writes, kept }: Waiting): string {
  if (writes === 0) return 'All saved'
  if (kept === 0) return `${number(writes)} on the way`
  return kept < writes
    ? `${number(writes)} waiting, ${number(kept)} kept here`
    : `${number(writes)} kept on this device`
}

/** What that means, and what happens next. */
export function waitingHint({ writes, kept }: Waiting): string {
  if (writes === 0) return 'A majority of the members has every change made here.'
  if (kept < writes) return 'Not every change made here is safe yet: leave this page open for a moment.'
  return 'Safe to close this page. They are sent, once and in order, when this board is open here and a majority is in reach.'
}

export function linkWords({ link, roundTrip }: Pick<MemberView, 'link' | 'roundTrip'>): string {
  const words = linkNames[link]
  return roundTrip === null ? words : `${words} ${milliseconds(roundTrip)}`
}

const linkNames: Readonly<Record<MemberLink, string>> = {
  self: 'local',
  hosted: 'hosted here',
  webrtc: 'WebRTC',
  bridged: 'bridged',
  relay: 'relay',
  indirect: 'forwarded',
  none: 'no link',
}

export const roleNames: Readonly<Record<MemberRole, string>> = {
  leader: 'Leader',
  follower: 'Follower',
  candidate: 'Candidate',
  learner: 'Learner',
  viewer: 'Viewer',
  unknown: 'Not heard yet',
}

export const linkHints: Readonly<Record<MemberLink, string>> = {
  self: 'The member that runs in this tab',
  hosted: 'The member of a closed tab, looked after by this one until the cluster has let it go',
  webrtc: 'Direct WebRTC data channel, straight into the worker',
  bridged: 'WebRTC data channel, passed on by the page because this browser cannot transfer it',
  relay: 'Sealed frames over the signaling server',
  indirect: 'Frames are passed on by a third member that both reach',
  none: 'No connection from this tab',
}

const grouped = new Intl.NumberFormat('en')

export function number(value: number): string {
  return grouped.format(value)
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${grouped.format(Math.round(value))} ms`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes(value: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10))
  const scaled = value / 1024 ** power
  return `${scaled >= 100 || power === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`
}

export function quorumWords({ quorum, voters }: Pick<ClusterView, 'quorum' | 'voters'>): string {
  if (quorum === 'joining') return 'not known yet'
  const count = `${number(voters.inReach)} of ${number(voters.total)} ${voters.total === 1 ? 'voter' : 'voters'}`
  return quorum === 'lost' ? `${count}, needs ${number(voters.needed)}` : `${count} in reach`
}

export const signalingNames: Readonly<Record<ClusterView['signaling'], string>> = {
  connecting: 'connecting…',
  connected: 'connected',
  disconnected: 'away, trying again',
  refused: 'full, or of another version; trying again',
  none: 'none, this browser only',
  unavailable: 'no WebRTC in this browser',
  closed: 'not in use',
}
