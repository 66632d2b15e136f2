import type { ManyAtOnce, OneByOne } from './loads.ts'

/** Where the client sits: at the leader, or at a member that has to ask the leader. */
export type Seat = 'leader' | 'follower'

export const seats: readonly Seat[] = ['leader', 'follower']

/** How a leader ends: in good order (a closed tab, SIGTERM), or without a word (a dead renderer, SIGKILL). */
export type End = 'close' | 'crash'

/** Three members of something that can be measured. Times are in milliseconds. */
export interface System {
  /** What each put took. */
  puts(seat: Seat, load: OneByOne): Promise<readonly number[]>
  /** What each linearizable read of one key took. */
  reads(seat: Seat, load: OneByOne): Promise<readonly number[]>
  putsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number>
  /** From the leader's end to the next write acknowledged at another member. Three members again when it resolves. */
  failover(end: End): Promise<number>
}
