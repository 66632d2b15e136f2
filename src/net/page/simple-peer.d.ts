/**
 * The one file of simple-peer that bundlers for browsers take as it is: its main entry expects Node's `global`,
 * `process` and `Buffer`. Beside what @types/simple-peer knows, the connection it wraps, on which we make our channels.
 */
declare module 'simple-peer/simplepeer.min.js' {
  import type { Instance, Options } from 'simple-peer'

  interface SimplePeer extends Instance {
    /** Undefined when the engine refused to construct one; the peer is then destroyed. */
    readonly _pc: RTCPeerConnection | undefined
  }

  const SimplePeer: {
    new (options: Options): SimplePeer
    /** Whether this engine has WebRTC. The constructor throws where it has not. */
    readonly WEBRTC_SUPPORT: boolean
  }
  export default SimplePeer
}
