import { newInvite, viewerInvite } from '../../../src/client/invite.ts'
import { type SealKeys, sealKeys } from '../../../src/net/page/keys.ts'

/** What the tabs of one new cluster seal with: those that have an editor's invite, and those that have a viewer's of the same. */
export async function roomKeys(): Promise<{ readonly editors: SealKeys; readonly viewers: SealKeys }> {
  const invite = newInvite()
  return { editors: await sealKeys(invite), viewers: await sealKeys(await viewerInvite(invite)) }
}
