import { status as Status } from '@grpc/grpc-js'
import { type Endpoint, headerOf, unary } from './endpoint.ts'
import { badLeaderTransferee, CallError, leaderTransferTimedOut, notLeader } from './errors.ts'
import type { Member } from './member.ts'
import { integer } from './requests.ts'
import type * as wire from './wire.ts'

/** The etcd whose protocol this is; clients tell by it what they can ask for. */
const version = '3.4.0'
const noAlarm = 0
const nospaceAlarm = 1
const getAlarms = 0
const activateAlarm = 1
/** As etcd's `compact_revision` before anything was compacted. */
const neverCompacted = -1
/** Two election timeouts: by then the other leads, or it was given up. */
const leaderTransferMsMax = 2_000

/** Of etcd's service `Maintenance`, all but `Snapshot`. */
export function maintenanceService(endpoint: Endpoint) {
  const { cluster, member, client } = endpoint
  return {
    Status: unary<object, wire.StatusResponse>(async () => {
      const { commit, applied, term, leader, revision, state } = member.status
      const { sizeBytes } = member.metrics
      const full = cluster.members.filter(isFull).map(({ id }) => `memberID:${id} alarm:NOSPACE `)
      return {
        header: headerOf(endpoint, revision),
        version,
        dbSize: sizeBytes,
        dbSizeInUse: sizeBytes,
        leader,
        raftIndex: commit,
        raftAppliedIndex: applied,
        raftTerm: term,
        errors: leader === 0 ? ['etcdserver: no leader', ...full] : full,
        isLearner: state === 'learner',
      }
    }),
    /** An alarm here is what is the case: it goes by itself when space is freed, and cannot be raised or put out. */
    Alarm: unary<wire.AlarmRequest, wire.AlarmResponse>(async ({ action, alarm }) => {
      if (action === activateAlarm) throw new CallError(Status.UNIMPLEMENTED, 'alarms cannot be raised here')
      if (action !== getAlarms || (alarm !== noAlarm && alarm !== nospaceAlarm)) return { alarms: [] }
      return { alarms: cluster.members.filter(isFull).map(({ id }) => ({ memberID: id, alarm: nospaceAlarm })) }
    }),
    /** There is no file to defragment. */
    Defragment: unary<object, wire.Done>(async () => ({})),
    Hash: unary<object, wire.HashResponse>(async () => ({
      header: headerOf(endpoint, member.status.revision),
      hash: member.stateHash >>> 0,
    })),
    HashKV: unary<wire.HashKVRequest, wire.HashKVResponse>(async request => {
      const revision = integer('revision', request.revision)
      const response = await client.read({ op: 'hashKv', revision }, { serializable: true })
      return {
        header: headerOf(endpoint, response.header.revision),
        hash: response.hash,
        compact_revision: response.compactRevision === 0 ? neverCompacted : response.compactRevision,
      }
    }),
    MoveLeader: unary<wire.MoveLeaderRequest, wire.Done>(async ({ targetID }) => {
      if (member.status.leader !== member.id) throw notLeader()
      if (!cluster.members.some(({ id }) => id === targetID)) throw badLeaderTransferee()
      member.push({ kind: 'transfer', to: targetID })
      const moved = await cluster.until(() => member.status.leader === targetID, leaderTransferMsMax)
      if (!moved) throw leaderTransferTimedOut()
      return {}
    }),
  }
}

function isFull({ metrics }: Member): boolean {
  return metrics.sizeBytes >= metrics.quotaBytes
}
