import type { HeldCluster } from '../worker/data-protocol.ts'
import { askWorker } from './ask-worker.ts'
import { checkEnvironment } from './environment.ts'
import { parseInvite } from './invite.ts'

/** All that this browser holds, cluster by cluster, whether or not a tab has it open. Errors: those of `create`. */
export async function held(): Promise<readonly HeldCluster[]> {
  checkEnvironment()
  return askWorker(control => control.held())
}

/**
 * Deletes a cluster's data from this browser, at once and for good; writes that wait for a quorum go with it. `cluster`: its invite
 * or its id. That there is nothing is no error.
 *
 * The cluster is not told: those members stay in it, votes included, until it gives them up. Where it lives, `leave` comes first.
 *
 * Errors: `IN_USE` if a tab of this browser has it open, and then nothing is deleted; `INVALID_INVITE`, and those of `create`.
 */
export async function erase(cluster: string): Promise<void> {
  checkEnvironment()
  const clusterId = /^[0-9a-f]{32}$/.test(cluster) ? cluster : parseInvite(cluster).clusterId
  await askWorker(control => control.erase(clusterId))
}
