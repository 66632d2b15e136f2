import * as Comlink from 'comlink'
import { sealKeys } from '../net/page/keys.ts'
import type { HostStatus, MembershipOptions } from '../worker/protocol.ts'
import { withAbort } from './abortable.ts'
import { unwrap } from './ask-worker.ts'
import type { Offline } from './calls.ts'
import { Connection } from './connection.ts'
import { Database, type SignalingState } from './database.ts'
import { checkEnvironment, webRtcMissing } from './environment.ts'
import { aborted } from './errors.ts'
import { Faults } from './faults.ts'
import { formatInvite, type Invite, newInvite, parseInvite, roomName, viewerInvite } from './invite.ts'
import { LastMember, tabStorage } from './last-member.ts'
import { membershipOptions } from './membership.ts'
import { firstSignalingState, Network } from './network.ts'
import { canReachOthers, type NetworkOptions, networkPlan } from './network-options.ts'
import { watchPageLife } from './page-life.ts'
import { pageMetrics } from './page-metrics.ts'
import { Observable } from './readable.ts'
import { type Persist, Persistence } from './storage.ts'
import { Supervisor } from './supervisor.ts'
import type { WorkerHost } from './worker-host.ts'

/** What every way to open a database takes. */
export interface TabOptions extends NetworkOptions {
  /**
   * What becomes of writes while there is no quorum: `queue` (the default) keeps them on this device, where they outlive the
   * page, and sends them, in order and once, when there is one; `fail` refuses them (`UNAVAILABLE`). Each write may say otherwise.
   */
  readonly offline?: Offline
  /**
   * How long what this tab holds without a lease of its own (locks, seats, entries of services) outlives its crash. 15 if not
   * given. A tab that closes lets go at once.
   */
  readonly sessionTtlSeconds?: number
  /**
   * By what the cluster decides who is a member and who votes. Those of the leader count, so give all tabs the same. Errors:
   * `INVALID_ARGUMENT`, if they do not go together.
   */
  readonly membership?: Partial<MembershipOptions>
  /**
   * Whether to ask the browser to keep this site's storage even when it runs short of space: `ask` (the default), once, when the
   * cluster has acknowledged a write that follows a click or a key; `never`.
   */
  readonly persist?: Persist
  /** Gives up opening. Has no effect afterwards. */
  readonly signal?: AbortSignal
}

export interface CreateOptions extends TabOptions {
  /** A file that `export` made: the cluster begins with its data. */
  readonly data?: Blob
}

export interface OpenOptions extends TabOptions {
  /** From whoever founded the cluster, or an address that carries it in its fragment. */
  readonly invite: string
}

/**
 * Founds a cluster, with this tab's member its first and only voter. Share `invite` to let others in. With `data` it begins with what
 * another cluster held, under the same revisions; leases begin anew with all their time.
 *
 * Errors: `INVALID_BACKUP` (and then nothing was founded), `INSECURE_CONTEXT`, `WORKER_UNAVAILABLE`, `STORAGE_UNAVAILABLE`, `LOCKS_UNAVAILABLE`, `NOSPACE`.
 */
export async function create(options: CreateOptions): Promise<Database> {
  return start('create', newInvite(), options, options.data ?? null)
}

/**
 * Takes part in a cluster: resumes a member that this browser holds, or else joins as a new one. Resolves when the member
 * runs; a new one may still be waiting to be let in (`status().replica.state` is `joining`), and so may its first reads.
 *
 * Errors: those of `create`, and `INVALID_INVITE`, `CORRUPT`, `WEBRTC_UNAVAILABLE` (only if it would have to join, and there is no relay).
 */
export async function open(options: OpenOptions): Promise<Database> {
  return start('open', parseInvite(options.invite), options)
}

/** `resume`: as `open`, but never as a new member; for `recover`. */
export async function start(
  mode: 'create' | 'open' | 'resume',
  invite: Invite,
  options: TabOptions,
  data: Blob | null = null,
): Promise<Database> {
  const { signal } = options
  if (signal?.aborted) throw aborted(signal, 'definite')
  checkEnvironment()
  const plan = networkPlan(options)
  const membership = membershipOptions(options.membership)
  const [room, keys, viewers] = await Promise.all([roomName(invite), sealKeys(invite), viewerInvite(invite)])
  const persistence = new Persistence(options.persist ?? 'ask')
  const connection = new Connection({
    role: invite.role,
    offline: options.offline ?? 'queue',
    onWritten: () => persistence.written(),
  })
  const memory = new LastMember(tabStorage(), invite.clusterId)
  const signaling = new Observable<SignalingState>(firstSignalingState(plan))
  const network = new Network(signaling, { plan, room, keys })
  const onHost = (host: WorkerHost) => network.serve(host)
  const supervisor = new Supervisor({
    connection,
    memory,
    membership,
    clusterId: invite.clusterId,
    role: invite.role,
    onHost,
  })
  try {
    const status = await withAbort(supervisor.open(mode, data), signal)
    if (status.replica.state === 'joining' && !canReachOthers(plan)) throw webRtcMissing()
    const { sessionTtlSeconds } = options
    return run({ connection, supervisor, network, memory, signaling, invite, viewers, status, sessionTtlSeconds })
  } catch (error) {
    supervisor.end()
    network.end()
    throw connection.failure ?? error
  }
}

interface Running {
  readonly connection: Connection
  readonly supervisor: Supervisor
  readonly network: Network
  readonly memory: LastMember
  readonly signaling: Observable<SignalingState>
  readonly invite: Invite
  /** For those who may only look. */
  readonly viewers: Invite
  readonly status: HostStatus
  readonly sessionTtlSeconds: number | undefined
}

/** The member runs: brings it together with the life of the page. */
function run(running: Running): Database {
  const { connection, supervisor, network, memory, signaling, invite, viewers, status, sessionTtlSeconds } = running
  const page = new AbortController()
  const end = () => {
    page.abort()
    network.end()
    supervisor.end()
  }
  connection.status.subscribe(() => {
    // A member that stopped must not be found by others, nor keep its lock from another tab.
    if (connection.failure !== null) end()
  })

  watchPageLife({
    connection,
    door: () => supervisor.host?.door ?? null,
    status: () => connection.status.value ?? status,
    release: () => memory.release(),
    bye: () => network.bye(),
    signal: page.signal,
  })

  return new Database({
    connection,
    role: invite.role,
    invite: formatInvite(invite),
    viewerInvite: formatInvite(viewers),
    clusterId: invite.clusterId,
    status,
    signaling,
    sessionTtlSeconds,
    faults: new Faults({ network, worker: supervisor }),
    metrics: async () => {
      const ofWorker = await supervisor.ask(control => control.metrics())
      return ofWorker + pageMetrics(connection.counts, network.refusals)
    },
    exportData: goOn => supervisor.ask(control => control.exportData(Comlink.proxy(async fraction => goOn(fraction)))),
    leave: async force => {
      unwrap(await supervisor.ask(control => control.leaveForGood(force)))
      end()
    },
    close: async () => {
      if (page.signal.aborted) return
      // A worker that is gone has nothing left to close.
      await supervisor.ask(control => control.close()).catch(() => {})
      memory.release()
      end()
    },
  })
}
