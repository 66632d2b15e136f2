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
  /** The page knows that the connection is gone. */
  | { readonly type: 'closed'; readonly link: LinkId }

export type FromLinks =
  /** The worker heard hello on this link: it is up. */
  | { readonly type: 'up'; readonly link: LinkId }
  /** The worker gave the link up (silence, bad frames, bye): the page destroys the connection, and dials anew unless `bye`. */
  | { readonly type: 'down'; readonly link: LinkId; readonly reason: 'bye' | 'silent' | 'closed' | 'protocol' }

/** On a bridged port, beside ArrayBuffers: what an RTCDataChannel would tell by its events and `bufferedAmount`. */
export type BridgeControl =
  | { readonly bridge: 'open' }
  | { readonly bridge: 'closed' }
  | { readonly bridge: 'drained'; readonly bytes: number }
