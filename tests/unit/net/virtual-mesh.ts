import { decodeLinkFrame } from '../../../src/net/codec.ts'
import { Flood } from '../../../src/net/worker/flood.ts'
import { Router } from '../../../src/net/worker/router.ts'
import { Topology } from '../../../src/net/worker/topology.ts'
import type { MemberId } from '../../../src/raft/types.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'

export interface Delivery {
  readonly from: MemberId
  readonly to: MemberId
  readonly message: PeerMessage
  readonly viewer: boolean
}

/** A tab with nothing but what finds the way; its name is its member's number. */
export class VirtualTab {
  readonly topology: Topology
  readonly router: Router
  readonly flood: Flood
  readonly heard: Delivery[] = []
  readonly member: MemberId
  sentFrames = 0
  sentBytes = 0

  constructor(mesh: VirtualMesh, member: MemberId, voters: ReadonlySet<MemberId>) {
    this.member = member
    this.topology = new Topology(nameOf(member))
    this.topology.host([member])
    const after = (_: number, callback: () => void) => mesh.later.push(callback)
    const transmit = (peer: string, frame: Uint8Array<ArrayBuffer>) => {
      this.sentFrames += 1
      this.sentBytes += frame.length
      mesh.post(this.topology.self, peer, frame.slice())
      return true
    }
    this.router = new Router({
      topology: this.topology,
      votes: member => voters.has(member),
      transmit,
      deliver: (from, to, message, viewer) => this.heard.push({ from, to, message, viewer }),
      after,
    })
    this.flood = new Flood({ topology: this.topology, transmit, after })
  }
}

export function nameOf(member: MemberId): string {
  return `tab-${member}`
}

/** Tabs and the links between them. Frames wait until `settle`, and come in the order they were sent. */
export class VirtualMesh {
  readonly tabs = new Map<string, VirtualTab>()
  readonly later: (() => void)[] = []
  readonly #links = new Set<string>()
  #frames: { from: string; to: string; frame: Uint8Array }[] = []

  constructor(members: readonly MemberId[], voters: readonly MemberId[] = []) {
    for (const member of members) this.tabs.set(nameOf(member), new VirtualTab(this, member, new Set(voters)))
  }

  tab(member: MemberId): VirtualTab {
    const tab = this.tabs.get(nameOf(member))
    if (tab === undefined) throw new Error(`no tab ${member}`)
    return tab
  }

  link(a: MemberId, b: MemberId, viewers: readonly MemberId[] = []): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#links.add(`${nameOf(one)} ${nameOf(other)}`)
      const tab = this.tab(one)
      tab.topology.link(nameOf(other), viewers.includes(other), [other])
      tab.router.linked(nameOf(other))
    }
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      this.tab(one).flood.linked(nameOf(other))
      this.tab(one).flood.pour()
    }
  }

  /** Both ends know at once. */
  cut(a: MemberId, b: MemberId): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#links.delete(`${nameOf(one)} ${nameOf(other)}`)
      const tab = this.tab(one)
      tab.topology.unlink(nameOf(other))
      tab.flood.unlinked(nameOf(other))
      tab.flood.pour()
    }
  }

  post(from: string, to: string, frame: Uint8Array): void {
    if (this.#links.has(`${from} ${to}`)) this.#frames.push({ from, to, frame })
  }

  /** Until nothing is on its way. */
  arriveAll(): void {
    for (let next = this.#frames.shift(); next !== undefined; next = this.#frames.shift()) this.#arrive(next)
  }

  /** Until nothing is on its way, held or waiting. */
  settle(): void {
    for (;;) {
      this.arriveAll()
      const callback = this.later.shift()
      if (callback === undefined) return
      callback()
    }
  }

  #arrive({ from, to, frame }: { from: string; to: string; frame: Uint8Array }): void {
    const tab = this.tabs.get(to)
    const decoded = decodeLinkFrame(frame)
    if (tab === undefined || !decoded.ok) throw new Error('a frame that cannot be taken')
    const { value } = decoded
    if (value.kind === 'topology') tab.flood.receive(from, value.records)
    else if (value.kind === 'routed') {
      if (!tab.router.receive(from, value)) throw new Error('a routed frame that makes no sense')
    } else if (value.kind === 'peer') {
      tab.heard.push({ from: value.from, to: value.to, message: value.message, viewer: tab.topology.isViewer(from) })
    }
  }
}
