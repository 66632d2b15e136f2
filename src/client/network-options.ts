import { type MeshOptions, type RelayPolicy, webRtcAvailable } from '../net/page/mesh.ts'
import { FlotillaError } from './errors.ts'

/** By which ways a tab and the others find and reach each other. */
export interface NetworkOptions {
  /**
   * The signaling server's address, like `wss://example.org/signal`; may be relative to the page's. Several are those of one service: they are
   * tried in turn when one does not answer. `null`: no server, so that only tabs of this browser find each other.
   */
  readonly signaling: string | URL | readonly (string | URL)[] | null
  /** STUN and TURN servers, beside the TURN server that the signaling server may offer. None by default, which is enough within one network. */
  readonly iceServers?: readonly RTCIceServer[]
  /** `relay`: connect through TURN servers only, so that peers do not learn this device's addresses. `all` if not given. */
  readonly iceTransportPolicy?: RTCIceTransportPolicy
  /**
   * What goes over the signaling server, sealed, where WebRTC does not connect: `fallback` (the default), what has no direct link at the
   * time; `always`, everything; `never`, nothing.
   */
  readonly relay?: RelayPolicy
  /**
   * What a server that admits by ticket asks for. A function is asked before each connection, as tickets run out, with the name of the
   * room that the ticket is to be for.
   */
  readonly ticket?: string | ((room: string) => Promise<string>)
}

export type NetworkPlan = Required<Pick<MeshOptions, 'signaling' | 'iceServers' | 'iceTransportPolicy' | 'relay'>>

/** Errors: `INVALID_ARGUMENT`. */
export function networkPlan(options: NetworkOptions): NetworkPlan {
  const { signaling, iceServers = [], iceTransportPolicy = 'all', relay = 'fallback', ticket } = options
  if (iceTransportPolicy !== 'all' && iceTransportPolicy !== 'relay') {
    throw invalid(`The iceTransportPolicy is "all" or "relay", not "${iceTransportPolicy}".`)
  }
  if (relay !== 'fallback' && relay !== 'always' && relay !== 'never') {
    throw invalid(`The relay is "fallback", "always" or "never", not "${relay}".`)
  }
  if (relay === 'always' && signaling === null) throw invalid('There is no relay without a signaling server.')
  const urls = signaling === null ? null : [signaling].flat().map(webSocketAddress)
  if (urls?.length === 0) throw invalid('There is no address of a signaling server. For none at all, give null.')
  const server = urls === null ? null : { urls, ticket: ticket == null ? null : asking(ticket) }
  return { signaling: server, iceServers, iceTransportPolicy, relay }
}

function asking(ticket: NonNullable<NetworkOptions['ticket']>): (room: string) => Promise<string> {
  // Async, so that a function that throws is like one that rejects: it is asked again after a while.
  return async room => (typeof ticket === 'string' ? ticket : ticket(room))
}

/** Without a way to reach others a member runs alone: it can found a cluster and resume, but not join one. */
export function canReachOthers({ signaling, relay }: NetworkPlan): boolean {
  return webRtcAvailable() || (signaling !== null && relay !== 'never')
}

function webSocketAddress(signaling: string | URL): string {
  const url = URL.canParse(signaling, location.href) ? new URL(signaling, location.href) : null
  if (url === null || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw invalid(`The signaling server's address "${signaling}" is not one of a WebSocket.`)
  }
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = ''
  return url.href
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('INVALID_ARGUMENT', message)
}
