import {
  type BackupInfo,
  create,
  type Database,
  erase,
  inspectBackup,
  type RecoverRefusal,
  type RecoverReport,
  type RecoverStep,
  recover,
  type StorageUse,
} from '../../client/flotilla.ts'
import { codeOf } from '../problems.ts'
import { signalingOf } from '../startup.ts'

/** What can be done with the open board as a whole. A person's act, each of it. */
export interface BoardData {
  storage(): Promise<StorageUse>
  /** All of it, as a file. `current`: as the members have it by now, which takes a majority; else as this tab has it. */
  copy(current: boolean): Promise<Blob>
  /** Leaves the cluster and deletes what this browser has of it. Errors: those of `Database.leave`. */
  remove(force: boolean): Promise<Removal>
  /**
   * Makes a new board of what this browser has of the one that lost its majority. From the first call on this page has no board any
   * more. Errors: those of `recover`; after one it may be called again.
   */
  recover(force: readonly RecoverRefusal[], onStep: (step: RecoverStep) => void): Promise<RecoveredBoard>
}

/** `elsewhere`: other tabs of this browser have the board open, so they and their data stay. */
export type Removal = 'everywhere' | 'elsewhere'

export interface RecoveredBoard {
  readonly invite: string
  readonly report: RecoverReport
}

/** What can be done with a file, whatever board is open. */
export interface BoardFiles {
  /** Errors: `INVALID_BACKUP`. */
  inspect(file: Blob): Promise<BackupInfo>
  /** Makes a new board of it and yields its invite. Errors: those of `create`. */
  found(file: Blob): Promise<string>
}

export function boardData(db: Database): BoardData {
  return {
    storage: () => db.storage(),
    copy: current => db.export({ serializable: !current }),
    remove: async force => {
      await db.leave({ force })
      try {
        await erase(db.invite)
      } catch (error) {
        if (codeOf(error) === 'IN_USE') return 'elsewhere'
        throw error
      }
      return 'everywhere'
    },
    recover: async (force, onStep) => {
      // What is to be recovered must be nobody's.
      await db.close()
      const signaling = signalingOf(location.href)
      const { database, report } = await recover({ signaling, invite: db.invite, force, onStep })
      return { invite: await settle(database), report }
    },
  }
}

export const boardFiles: BoardFiles = {
  inspect: inspectBackup,
  found: async data => settle(await create({ signaling: signalingOf(location.href), data })),
}

/** Every board starts from a fresh page, this one too: here it is only made. */
async function settle(database: Database): Promise<string> {
  await database.close()
  return database.invite
}
