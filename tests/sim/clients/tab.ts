import type { MemberId } from '../../../src/raft/types.ts'
import type { Output, TabRole } from '../../../src/replica/types.ts'
import type { Random } from '../random.ts'
import { Client } from './client.ts'
import type { OutboxDisk } from './outbox-disk.ts'
import type { World } from './page.ts'
import type { Push } from './worker-half.ts'

/** The clients of one tab; they move on together to whatever member the tab has. */
export class Tab {
  readonly role: TabRole
  readonly clients: readonly Client[]
  member: MemberId = 0

  constructor(role: TabRole, anyWorld: World, random: Random) {
    this.role = role
    const world = { ...anyWorld, config: { ...anyWorld.config, mayWrite: role === 'editor' } }
    const { perMember } = world.config
    this.clients = Array.from(
      { length: perMember },
      (_, ordinal) => new Client(world, random.fork(), ordinal, perMember),
    )
  }

  /** Its member runs, and its database holds an outbox for each client, or for none. */
  connect(push: Push, outboxes: readonly OutboxDisk[]): void {
    for (const [at, client] of this.clients.entries()) client.connect(push, outboxes[at] ?? null)
  }

  rest(): void {
    for (const client of this.clients) client.rest()
  }

  inspect(): void {
    for (const client of this.clients) client.inspect()
  }

  disconnect(): void {
    for (const client of this.clients) client.disconnect()
  }

  leaving(): void {
    for (const client of this.clients) client.leaving()
  }

  /** After each turn of its member. */
  turned(hasQuorum: () => boolean): void {
    for (const client of this.clients) client.turned(hasQuorum)
  }

  /** What was not answered to the tab of an orphan, which is lent a voice beside this tab's member, is asked from here. */
  takeOver(outboxes: readonly OutboxDisk[]): void {
    for (const [at, disk] of outboxes.entries()) this.clients[at]?.takeOver(disk)
  }

  /** Gives an answer of the tab's member to the client it is for. */
  passOn(output: Extract<Output, { kind: 'respond' | 'notify' }>): void {
    const client = this.clients[output.id % this.clients.length]
    if (client === undefined) return
    if (output.kind === 'respond') client.responded(output.id, output.response)
    else client.notified(output.id, output.notification)
  }
}
