import type { MemberId } from '../../../src/raft/types.ts'
import { ReplicaLog } from '../../../src/replica/log.ts'
import { WalError } from '../../../src/replica/types.ts'
import { Layout, type Stored } from '../../../src/wal/layout.ts'
import { SimulatedDisk } from '../world/disk.ts'
import type { Mutant } from './mutants.ts'
import { replaceMethod } from './patch.ts'

/** Known bugs of logs, and of those who keep them. */
export const diskMutants: readonly Mutant[] = [
  { name: 'writes count as durable before they are', completesBeforeDurable: true },
  {
    name: 'a leader counts its own copy before its disk has it',
    install: () =>
      replaceMethod(
        ReplicaLog.prototype,
        'append',
        original =>
          function (this: ReplicaLog, message) {
            const isOwn = ({ type, to }: { type: string; to: MemberId }) => type === 'MsgAppResp' && to === message.from
            const own = message.responses.filter(isOwn)
            const rest = message.responses.filter(response => !isOwn(response))
            return [...own, ...original.call(this, { ...message, responses: rest })]
          },
      ),
  },
  {
    name: 'term and vote are written only with the next entries',
    install: () =>
      replaceMethod(
        ReplicaLog.prototype,
        'append',
        original =>
          function (this: ReplicaLog, message) {
            if (message.entries.length > 0 || message.snapshot !== null) return original.call(this, message)
            return message.responses
          },
      ),
  },
  {
    name: 'a vote is forgotten in a crash',
    recover: state => ({ ...state, hardState: { ...state.hardState, vote: 0 } }),
  },
  {
    name: 'the term is forgotten in a crash',
    recover: state => {
      const { hardState, entries, snapshot } = state
      const term = entries.at(-1)?.term ?? snapshot?.metadata.term ?? 0
      return { ...state, hardState: { ...hardState, term, vote: 0 } }
    },
  },
  {
    name: 'the last entry is forgotten in a crash',
    recover: state => {
      const entries = state.entries.slice(0, -1)
      const last = entries.at(-1)?.index ?? state.snapshot?.metadata.index ?? 0
      const { hardState } = state
      return { ...state, entries, hardState: { ...hardState, commit: Math.min(hardState.commit, last) } }
    },
  },
  {
    name: 'a member that lost its log comes back under its old name',
    recover: state => {
      const isNew = state.entries.length === 0 && (state.snapshot?.metadata.index ?? 0) <= 1
      return isNew ? state : { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: [] }
    },
  },
  {
    name: 'a damaged newest record is cut off',
    install: () =>
      replaceMethod(Layout, 'recover', original => stored => {
        try {
          return original.call(Layout, stored)
        } catch (error) {
          if (!(error instanceof WalError) || stored.records.length < 2) throw error
          return original.call(Layout, withoutNewest(stored))
        }
      }),
  },
  {
    name: 'a write that was broken off is taken for damage',
    install: () =>
      replaceMethod(Layout, 'recover', original => stored => {
        const recovery = original.call(Layout, stored)
        if (recovery.cut !== null) throw new WalError('CORRUPT', recovery.cut.reason)
        return recovery
      }),
  },
  {
    name: 'a write that failed is acknowledged',
    install: () =>
      replaceMethod(
        SimulatedDisk.prototype,
        'write',
        original =>
          function (this: SimulatedDisk, write, { done }) {
            original.call(this, write, { done, failed: done })
          },
      ),
  },
]

function withoutNewest({ records, snapshot }: Stored): Stored {
  const torn = records.map((record, i) => (i === records.length - 1 ? { ...record, value: new Uint8Array() } : record))
  return { records: torn, snapshot }
}
