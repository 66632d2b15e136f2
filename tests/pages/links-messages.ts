import type { FromLinks } from '../../src/net/links-protocol.ts'
import type { MemberId } from '../../src/raft/types.ts'
import type { LinkStatus } from '../../src/worker/protocol.ts'

/** What the page of the links tests tells its worker. */
export type ToLinksWorker =
  | { readonly kind: 'start'; readonly peer: string; readonly member: MemberId; readonly port: MessagePort }
  /** A number to another tab's member: small enough to be told apart from any other, and a real peer message. */
  | { readonly kind: 'say'; readonly to: MemberId; readonly word: number }
  | { readonly kind: 'sendSnapshot'; readonly to: MemberId; readonly bytes: number }
  | { readonly kind: 'lookAtLinks' }
  | { readonly kind: 'block'; readonly ms: number }
  | { readonly kind: 'bye' }

/** What the worker reports; `at` is milliseconds of the machine's clock, the same in all tabs. */
export interface FromLinksWorker {
  readonly at: number
  readonly report:
    | { readonly kind: 'up'; readonly member: MemberId }
    | { readonly kind: 'down'; readonly member: MemberId }
    | { readonly kind: 'told'; readonly message: FromLinks }
    | { readonly kind: 'links' | 'lookedAt'; readonly links: readonly LinkStatus[] }
    | { readonly kind: 'heard'; readonly from: MemberId; readonly word: number }
    | { readonly kind: 'sending'; readonly bytes: number }
    | { readonly kind: 'snapshot'; readonly from: MemberId; readonly bytes: number; readonly intact: boolean }
}
