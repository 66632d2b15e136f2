import type { ManyAtOnce, OneByOne } from './loads.ts'

/** Where the client sits: at the leader, or at a member that has to ask the leader. */
export type Seat = 'leader' | 'follower'

export const seats: readonly Seat[] = ['leader', 'follower']

/** How a leader ends: in good order (a closed tab, SIGTERM), or without a word (a dead renderer, SIGKILL). */
export type End = 'close' | 'crash'

/** How long a put took to show everywhere: until the last of three watchers had it. */
export interface WatchedPut {
  readonly fromCall: number
  /** From its own answer, which comes after the commit: negative if every watcher had it before the writer. */
  readonly fromAnswer: number
}

/** Three members of something that can be measured. Times are in milliseconds. */
export interface System {
  /** What each put took. */
  puts(seat: Seat, load: OneByOne): Promise<readonly number[]>
  /** What each linearizable read of one key took. */
  reads(seat: Seat, load: OneByOne): Promise<readonly number[]>
  putsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number>
  /** Puts per second, `putsPerTransaction` of them to a transaction; the load speaks of transactions. */
  batchedPutsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number>
  /** One put after the other while all three members are watched. */
  watched(seat: Seat, load: OneByOne): Promise<readonly WatchedPut[]>
  /** From the leader's end to the next write acknowledged at another member. Three members again when it resolves. */
  failover(end: End): Promise<number>
}
