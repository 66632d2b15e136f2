import { Mesh, type MeshStatus } from '../net/page/mesh.ts'
import type { MemberId } from '../raft/types.ts'
import type { HostStatus } from '../worker/protocol.ts'
import { Database, type SignalingState } from './database.ts'
import { farewell, holdDoor } from './door.ts'
import { checkEnvironment, webRtcAvailable, webRtcMissing } from './environment.ts'
import { aborted, FlotillaError } from './errors.ts'
import { formatInvite, type Invite, newInvite, parseInvite, roomName } from './invite.ts'
import { LastMember, tabStorage } from './last-member.ts'
import { Observable } from './readable.ts'
import { startWorker, type WorkerHost } from './worker-host.ts'

export interface CreateOptions {
  /** The signaling server's address, like `wss://example.org/signal`; may be relative to the page's. */
  readonly signaling: string | URL
  /** STUN and TURN servers. None by default, which is enough within one network. */
  readonly iceServers?: readonly RTCIceServer[]
  /** Gives up opening. Has no effect afterwards. */
  readonly signal?: AbortSignal
}

export interface OpenOptions extends CreateOptions {
  /** From whoever founded the cluster, or an address that carries it in its fragment. */
  readonly invite: string
}

/**
 * Founds a cluster, with this tab's member its first and only voter. Share `invite` to let others in.
 *
 * Errors: `INSECURE_CONTEXT`, `WORKER_UNAVAILABLE`, `STORAGE_UNAVAILABLE`, `LOCKS_UNAVAILABLE`, `NOSPACE`.
 */
export async function create(options: CreateOptions): Promise<Database> {
  return start('create', newInvite(), options)
}

/**
 * Takes part in a cluster: resumes a member that this browser holds, or else joins as a new one. Resolves when the member
 * runs; a new one may still be waiting to be let in (`status().replica.state` is `joining`), and so may its first reads.
 *
 * Errors: those of `create`, and `INVALID_INVITE`, `CORRUPT`, `WEBRTC_UNAVAILABLE` (only if it would have to join).
 */
export async function open(options: OpenOptions): Promise<Database> {
  return start('open', parseInvite(options.invite), options)
}

async function start(mode: 'create' | 'open', invite: Invite, options: CreateOptions): Promise<Database> {
  const { signal } = options
  if (signal?.aborted) throw aborted(signal, 'definite')
  checkEnvironment()
  const signalingUrl = webSocketAddress(options.signaling)
  const room = await roomName(invite)
  const host = startWorker()
  const memory = new LastMember(tabStorage(), invite.clusterId)
  try {
    const { member, status } = await withAbort(openMember(host, memory, mode, invite.clusterId), signal)
    if (status.replica.state === 'joining' && !webRtcAvailable()) throw webRtcMissing()
    return run({ host, memory, invite, member, status, signalingUrl, room, iceServers: options.iceServers ?? [] })
  } catch (error) {
    host.terminate()
    throw host.connection.failure ?? error
  }
}

async function openMember(host: WorkerHost, memory: LastMember, mode: 'create' | 'open', clusterId: string) {
  const last = memory.take()
  const opened = await Promise.race([
    host.control.open({
      clusterId,
      mode,
      lastMember: last?.member ?? null,
      lastMemberReleased: last?.released ?? false,
    }),
    host.broken,
  ])
  if (!opened.ok) throw new FlotillaError(opened.code, opened.message)
  memory.remember(opened.member)
  return { member: opened.member, status: await host.control.status() }
}

interface Running {
  readonly host: WorkerHost
  readonly memory: LastMember
  readonly invite: Invite
  readonly member: MemberId
  readonly status: HostStatus
  readonly signalingUrl: string
  readonly room: string
  readonly iceServers: readonly RTCIceServer[]
}

/** The member runs: brings it together with the others, and with the life of the page. */
function run({ host, memory, invite, member, status, signalingUrl, room, iceServers }: Running): Database {
  const { connection, peer, links } = host
  const signaling = new Observable<SignalingState>(webRtcAvailable() ? 'connecting' : 'unavailable')
  const onStatus = (mesh: MeshStatus) => signaling.set(signalingState(mesh))
  const mesh = webRtcAvailable() ? new Mesh({ signalingUrl, room, peer, iceServers, links, onStatus }) : null

  const page = new AbortController()
  const end = () => {
    page.abort()
    mesh?.close()
    host.terminate()
  }
  connection.status.subscribe(() => {
    // A member that stopped must not be found by others, nor keep its lock from another tab.
    if (connection.failure !== null) end()
  })

  const onPageHide = () => {
    memory.release()
    const { leave, holdMs } = farewell(connection.status.value ?? status, host.door !== null)
    if (leave) connection.leave()
    holdDoor(host.door, holdMs)
    mesh?.bye()
  }
  const onPageShow = ({ persisted }: PageTransitionEvent) => {
    // Back from the back/forward cache: this member has said its farewell and the cluster has gone on. What a reload does,
    // resume it under the same name, is what is needed; patching up a page that left would be a second way to do it.
    if (persisted) location.reload()
  }
  addEventListener('pagehide', onPageHide, { signal: page.signal })
  addEventListener('pageshow', onPageShow, { signal: page.signal })

  return new Database({
    connection,
    invite: formatInvite(invite),
    clusterId: invite.clusterId,
    member,
    status,
    signaling,
    close: async () => {
      if (page.signal.aborted) return
      const failed = new Promise(resolve => page.signal.addEventListener('abort', resolve))
      await Promise.race([host.control.close(), failed])
      memory.release()
      end()
    },
  })
}

function signalingState({ signaling }: MeshStatus): SignalingState {
  switch (signaling.phase) {
    case 'connecting':
      return 'connecting'
    case 'open':
      return 'connected'
    case 'waiting':
      return signaling.refusal === null ? 'disconnected' : 'refused'
    case 'closed':
      return 'closed'
  }
}

function webSocketAddress(signaling: string | URL): string {
  const url = URL.canParse(signaling, location.href) ? new URL(signaling, location.href) : null
  if (url === null || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw new FlotillaError(
      'INVALID_ARGUMENT',
      `The signaling server's address "${signaling}" is not one of a WebSocket.`,
    )
  }
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = ''
  return url.href
}

function withAbort<R>(promise: Promise<R>, signal: AbortSignal | undefined): Promise<R> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(aborted(signal, 'definite'))
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
