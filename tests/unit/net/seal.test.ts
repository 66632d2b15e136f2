import { expect, test } from 'vitest'
import { type Invite, newInvite, viewerInvite } from '../../../src/client/invite.ts'
import { sealKeys } from '../../../src/net/page/keys.ts'
import type { PeerSignal } from '../../../src/net/page/peer-signal.ts'
import { Seal } from '../../../src/net/page/seal.ts'

const offer: PeerSignal = { kind: 'signal', attempt: 1, data: { type: 'offer', sdp: 'v=0\r\n' } }

async function sealOf(invite: Invite, peer: string): Promise<Seal> {
  return Seal.create(await sealKeys(invite), peer)
}

test('what an editor seals for another is opened by that one, as said by an editor', async () => {
  const invite = newInvite()
  const [a, b] = await Promise.all([sealOf(invite, 'a'), sealOf(invite, 'b')])
  expect(await b.open(await a.seal('b', offer))).toEqual({ from: 'a', to: 'b', role: 'editor', signal: offer })
  const viewer = await sealOf(await viewerInvite(invite), 'v')
  expect(await b.open(await viewer.seal('b', offer))).toMatchObject({ from: 'v', role: 'viewer' })
  expect(await viewer.open(await b.seal('v', offer))).toMatchObject({ from: 'b', role: 'editor' })
})
