import type { Revision } from '../store/types.ts'
import { BackupError, readBackupHeader } from '../wal/backup-file.ts'
import type { Result } from '../worker/data-protocol.ts'
import type { HostStatus } from '../worker/protocol.ts'
import { withAbort } from './abortable.ts'
import { unwrap } from './ask-worker.ts'
import type { Connection } from './connection.ts'
import { aborted, FlotillaError } from './errors.ts'
import type { Abortable, Consistency } from './namespace.ts'

export interface ExportOptions extends Consistency, Abortable {
  /** Told how much is done, from 0 to 1. */
  readonly onProgress?: (fraction: number) => void
}

/** What a backup says of itself, without a look at its data. */
export interface BackupInfo {
  /** Of the cluster that it was made of. */
  readonly clusterId: string
  readonly revision: Revision
  readonly createdAt: Date
  /** Of the whole file. */
  readonly bytes: number
}

/** To the worker; `goOn` is asked after each step. */
export type ExportData = (goOn: (fraction: number) => boolean) => Promise<Result<Blob | null>>

/**
 * What a file is a backup of, to be shown before it is put to use. Reads its beginning only: whether the rest is sound, `create`
 * finds out. Errors: `INVALID_BACKUP`.
 */
export async function inspectBackup(file: Blob): Promise<BackupInfo> {
  try {
    const { clusterId, revision, createdAtMs } = await readBackupHeader(file)
    return { clusterId, revision, createdAt: new Date(createdAtMs), bytes: file.size }
  } catch (cause) {
    if (cause instanceof BackupError) throw new FlotillaError('INVALID_BACKUP', cause.message, { cause })
    throw cause
  }
}

export async function exportBackup(
  connection: Connection,
  status: HostStatus,
  exportData: ExportData,
  { serializable = false, signal, onProgress = () => {} }: ExportOptions,
): Promise<Blob> {
  // Any linearizable read will do: its answer comes when this member has all that was acknowledged before it.
  if (!serializable) await connection.read({ op: 'leases' }, false, signal)
  else if (status.replica.applied === 0) throw new FlotillaError('UNAVAILABLE', 'This tab was not given any data yet.')
  const goOn = (fraction: number) => {
    if (signal?.aborted) return false
    onProgress(fraction)
    return true
  }
  const file = unwrap(await withAbort(exportData(goOn), signal))
  if (file === null)
    throw signal === undefined ? new FlotillaError('STOPPED', 'The export ended early.') : aborted(signal, 'definite')
  onProgress(1)
  return file
}
