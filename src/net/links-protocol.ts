import type { TabRole } from '../replica/types.ts'

/**
 * What the page half of the mesh and the worker half say to each other over the `links` port. The page opens and closes
 * connections; the worker owns what travels on them.
 */

/** Names one connection attempt between this page and one peer; unique within the page's life. */
export type LinkId = number

export type ToLinks =
  /**
   * A connection has its two channels. `webrtc`: both are RTCDataChannels, transferred in the task that made them, not open
   * yet. `bridged`: both are MessagePorts, bridged by the page; a port carries ArrayBuffers and the control words below.
   */
  | {
      readonly type: 'channels'
      readonly link: LinkId
      readonly peer: string
      readonly kind: 'webrtc'
      readonly raft: RTCDataChannel
      readonly bulk: RTCDataChannel
    }
  | {
      readonly type: 'channels'
      readonly link: LinkId
      readonly peer: string
      readonly kind: 'bridged'
      readonly raft: MessagePort
      readonly bulk: MessagePort
    }
  /**
   * Frames for the peer go to `to`, an address on the relay that the worker has open (`relayAddress`), sealed with `sendKey`; what comes
   * from there is opened with `receiveKey`. Both are AES-GCM keys of this link alone.
   */
  | {
      readonly type: 'channels'
      readonly link: LinkId
      readonly peer: string
      readonly kind: 'relay'
      readonly role: TabRole
      readonly to: string
      readonly sendKey: CryptoKey
      readonly receiveKey: CryptoKey
    }
  /**
   * What the peer of a `webrtc` or `bridged` link proved to be; a viewer's page, which cannot tell, takes everybody for an editor. Comes before
   * the link can open, and it does not come up without.
   */
  | { readonly type: 'role'; readonly link: LinkId; readonly role: TabRole }
  /**
   * Open a connection of the worker's own to the signaling server, as a relay; answered by `relayAddress`. In place of the one that is
   * open, if any. Whoever opens it again when it is lost is the page, which alone can get a ticket.
   */
  | { readonly type: 'relay'; readonly url: string; readonly room: string; readonly ticket: string | null }
  /** No link needs the relay any more. */
  | { readonly type: 'relayOver' }
  /** The page knows that the connection is gone. */
  | { readonly type: 'closed'; readonly link: LinkId }

export type FromLinks =
  /** The worker heard hello on this link: it is up. */
  | { readonly type: 'up'; readonly link: LinkId }
  /**
   * The worker gave the link up (silence, bad frames, bye): the page destroys the connection, and dials anew unless `bye`. `surplus`: the
   * link was well and is not needed; the page dials the peer again only when `wanted` names it.
   */
  | {
      readonly type: 'down'
      readonly link: LinkId
      readonly reason: 'bye' | 'silent' | 'closed' | 'protocol' | 'surplus'
    }
  /** By which id others reach this tab on the relay; null when the connection could not be made, or is lost, and all its links with it. */
  | { readonly type: 'relayAddress'; readonly address: string | null }
  /**
   * Whom to be linked to: these are dialed where there is no link. `all`, which holds until the first word, is whoever is in the room. Links
   * to others stay until the worker ends them (`surplus`) or the other side does. A peer that is not named and asks for a link
   * gets one while there are fewer than `linksMax`; else it is refused, and told of others to ask.
   */
  | { readonly type: 'wanted'; readonly peers: readonly string[] | 'all'; readonly linksMax: number }

/** On a bridged port, beside ArrayBuffers: what an RTCDataChannel would tell by its events and `bufferedAmount`. */
export type BridgeControl =
  | { readonly bridge: 'open' }
  | { readonly bridge: 'closed' }
  | { readonly bridge: 'drained'; readonly bytes: number }
