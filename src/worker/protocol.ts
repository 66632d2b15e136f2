import type { MemberId } from '../raft/types.ts'
import type {
  ClientRequest,
  ClientResponse,
  ClusterEvent,
  ReplicaStatus,
  RequestId,
  TabRole,
  WatchNotification,
} from '../replica/types.ts'
import type { Command, LeaseId } from '../store/types.ts'
import type { DataControl } from './data-protocol.ts'

/**
 * What a page and its worker say to each other. Three ports, handed over in the first message:
 * `control` speaks comlink (`HostControl`), `data` carries requests and answers in batches, `links` carries data channels
 * from the page's mesh (see `src/net/links-protocol.ts`).
 */
export interface HostPorts {
  /** The tab's random name, under which the page's mesh and the worker's links introduce it to other tabs. */
  readonly peer: string
  /** A Web Lock of this name is the worker's from before `open` answers until it ends: so the page learns that it has. */
  readonly life: string
  readonly control: MessagePort
  readonly data: MessagePort
  readonly links: MessagePort
  /**
   * Where the engine can share memory: Int32Array(1), set to 1 by the worker when the member may go (see `leave` and `freeze`),
   * so that a page holding the door need not wait longer than needed. The page sets it to 0 before it asks.
   */
  readonly door: SharedArrayBuffer | null
}

export interface OpenOptions {
  /** Public part of the invite; names databases and locks. */
  readonly clusterId: string
  /**
   * `create`: found the cluster, this member its only voter; allowed only once, by whoever made up `clusterId`.
   * `open`: resume a member this browser holds, else wait to be let in as a new one.
   * `resume`: resume all members this browser holds, each of which must be free, and never make a new one.
   */
  readonly mode: 'create' | 'open' | 'resume'
  /** By the invite. */
  readonly role: TabRole
  /** With `create`: a backup to begin with. */
  readonly data: Blob | null
  /** The member this tab hosted before it was reloaded, if any. */
  readonly lastMember: MemberId | null
  /** The page that hosted it announced its end, so its lock is about to fall free and is worth waiting for. */
  readonly lastMemberReleased: boolean
  /** What an earlier worker of this page could not keep any more, see `failed`. */
  readonly unanswered: readonly OutboxEntry[]
  readonly membership: MembershipOptions
}

/** By what the cluster decides who is a member and who votes; the leader's count. Times are in milliseconds, `Infinity` being never. */
export interface MembershipOptions {
  /** Voters wanted while enough members are live; odd. */
  readonly targetVoters: number
  /** Votes are not taken away if fewer would be left. */
  readonly minVoters: number
  /** A member not heard from for this long is not counted on. */
  readonly liveMs: number
  /** A voter not heard from for this long loses its vote to whoever is there. */
  readonly replaceMs: number
  /** A member not heard from for this long is removed. */
  readonly forgetMs: number
  /** A learner at most this many entries behind can be made a voter. */
  readonly promotionLagMax: number
}

/** An error is a value here: what comlink throws across a port loses its fields. */
export type OpenResult =
  | { readonly ok: true; readonly member: MemberId }
  | { readonly ok: false; readonly code: HostErrorCode; readonly message: string }

export interface HostControl extends DataControl {
  /** Resolves when the member runs (it may still be joining). */
  open(options: OpenOptions): Promise<OpenResult>
  status(): Promise<HostStatus>
  /** Prometheus text: this member, its log, its links, with etcd's names where etcd has them. */
  metrics(): Promise<string>
  /** Hands leadership to another voter. Resolves false if that was not this member's to do, or could not be done. */
  stepDown(): Promise<boolean>
  /** Stops the worker's thread for so many milliseconds: to see what becomes of a frozen tab. Resolves when they are over. */
  suspend(ms: number): Promise<void>
  /** Loses the link with that peer, and each new one, until `mendLink`: to see what becomes of members that others have to speak for. */
  cutLink(peer: string): Promise<void>
  mendLink(peer: string): Promise<void>
  /** Stops all members in good order and closes their logs. */
  close(): Promise<void>
}

export type LinkKind = 'webrtc' | 'bridged' | 'relay'

export interface LinkStatus {
  /** The peer's random name: one tab's life. */
  readonly peer: string
  readonly kind: LinkKind
  /** Null while the link is opening and it is not known yet. */
  readonly role: TabRole | null
  readonly state: 'opening' | 'up'
  /** Members the peer hosts. */
  readonly members: readonly MemberId[]
  /** Last measured round trip, milliseconds. */
  readonly roundTrip: number | null
  /** What waits for the channels to take more, by what goes first. */
  readonly queuedBytes: { readonly urgent: number; readonly append: number; readonly snapshot: number }
  /** Over all links there were to this peer. */
  readonly peerTotals: PeerTotals
}

export interface PeerTotals {
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Messages that were lost because too much was waiting. */
  readonly dropped: number
  /** How often it was linked again after there had been no link to it. */
  readonly reconnects: number
}

export interface HostStatus {
  readonly replica: ReplicaStatus
  /** Members of closed or crashed tabs of this browser that this tab lends a voice until they have given up their vote. */
  readonly adopted: readonly MemberId[]
  readonly links: readonly LinkStatus[]
}

/** Page to worker, on `data`. */
export type ToHost =
  | { readonly type: 'requests'; readonly requests: readonly { id: RequestId; request: ClientRequest }[] }
  | { readonly type: 'cancel'; readonly ids: readonly RequestId[] }
  | { readonly type: 'credit'; readonly id: RequestId; readonly batches: number }
  | { readonly type: 'progress'; readonly id: RequestId }
  /**
   * Keep a lease alive until told otherwise, from the worker: a hidden page's timers are too slow. It was granted, or last
   * kept alive, by a request sent at `sinceMs`.
   */
  | { readonly type: 'keepLease'; readonly lease: LeaseId; readonly ttlSeconds: number; readonly sinceMs: EpochMs }
  | { readonly type: 'dropLease'; readonly lease: LeaseId }
  /** The page is going away and holds the door. */
  | { readonly type: 'leave' }
  /** The page is about to be frozen, and its worker with it, and holds the door. It may wake, or be gone without another word. */
  | { readonly type: 'freeze' }
  /** It woke. */
  | { readonly type: 'wake' }

/** `performance.timeOrigin + performance.now()`: comparable between a page and its worker, and no wall clock sets it back. */
export type EpochMs = number

/** A write that is kept in the outbox until the cluster has answered it. */
export interface OutboxEntry {
  readonly command: Command
  /** When it was asked for, by `Date.now()`: for people. */
  readonly at: number
}

/** Worker to page, on `data`: everything one turn produced. */
export type FromHost =
  /** The worker holds its `life`, so it can be waited for. Comes first. */
  | { readonly type: 'alive' }
  | {
      readonly type: 'turn'
      readonly responses: readonly { id: RequestId; response: ClientResponse }[]
      readonly notifications: readonly { id: RequestId; notification: WatchNotification }[]
    }
  | { readonly type: 'status'; readonly status: HostStatus }
  /** In the order they happened. */
  | { readonly type: 'events'; readonly events: readonly HostEvent[] }
  /** The lease was kept alive and lives until then at least; it is lost if nothing better is heard by that time. */
  | { readonly type: 'leaseKept'; readonly lease: LeaseId; readonly untilMs: EpochMs }
  | { readonly type: 'leaseLost'; readonly lease: LeaseId }
  /** What earlier lives of this page (or of another, now gone) left unanswered, in the order it will be sent. */
  | { readonly type: 'outbox'; readonly entries: readonly OutboxEntry[] }
  /** These writes of the page, by the ids they were asked under, are durably kept until they are answered. */
  | { readonly type: 'kept'; readonly ids: readonly RequestId[] }
  /** A write of an earlier life, whose promise nobody holds any more, was answered. */
  | { readonly type: 'settled'; readonly entry: OutboxEntry; readonly response: ClientResponse }
  /**
   * The member stopped and will not answer any more. With some codes the page may go on with another worker: see `Supervisor`.
   * `successor`: the member that worker is to open. `unanswered`: writes to give it, as they may be nowhere else any more.
   */
  | {
      readonly type: 'failed'
      readonly code: HostErrorCode
      readonly message: string
      readonly successor: MemberId | null
      readonly unanswered: readonly OutboxEntry[]
    }

/** Something that happened to the cluster, as this tab's member saw it, or to the members this tab speaks for. */
export type HostEvent = {
  /** When the worker came to know, by `Date.now()`: for people. */
  readonly at: number
  /** Who saw it, or whom it happened to. */
  readonly member: MemberId
} & (ClusterEvent | TabEvent)

/** What happens to the members of one tab. */
export type TabEvent =
  /** The tab speaks for the member of a closed or crashed tab of this browser. */
  | { readonly kind: 'adopted' }
  /** It no longer does: the member has no vote that others depend on. Its log stays for the tab that opens it. */
  | { readonly kind: 'released' }
  /** The cluster had removed the member; its log was deleted. */
  | { readonly kind: 'retired' }
  /**
   * Its log is damaged. Nobody speaks for the member any more, and another takes its place. Of the writes it kept for its tab, so many
   * could still be read, and some were lost if `lostWrites`.
   */
  | { readonly kind: 'damaged'; readonly rescuedWrites: number; readonly lostWrites: boolean }
  /** The tab was frozen, or the machine slept. */
  | { readonly kind: 'woke'; readonly asleepMs: number }

export type HostErrorCode =
  /** No IndexedDB, or it refuses to open (private window, storage disabled). */
  | 'STORAGE_UNAVAILABLE'
  /** The disk or the origin's quota is full. */
  | 'NOSPACE'
  /** The log is damaged in a way that cannot be cut off. */
  | 'CORRUPT'
  /** The browser deleted the log of a member that was running: storage was cleared. Opening again makes a new member. */
  | 'EVICTED'
  /** No Web Locks: identity cannot be held. */
  | 'LOCKS_UNAVAILABLE'
  /** `create` for a cluster that this browser already holds. */
  | 'CLUSTER_EXISTS'
  /** The file to begin with is no backup, of a later version, cut short or damaged. */
  | 'INVALID_BACKUP'
  /** This browser holds nothing of that cluster. */
  | 'NOT_HELD'
  /** Another tab of this browser speaks for a member that would have to be free. */
  | 'IN_USE'
  /** Leaving would take away the last copy in reach. */
  | 'LAST_MEMBER'
  /** The cluster could not be told in time that this member is to be removed. */
  | 'UNREMOVED'
  /** The cluster removed this member while it was away. Its log is deleted; opening again makes a new member. */
  | 'REMOVED'
  | 'STOPPED'
  | 'INTERNAL'
