import type { Revision } from '../store/types.ts'
import { backupMediaType, checksumInSteps, encodeBackupHeader } from '../wal/backup-file.ts'

/** Keys and changes encoded at a time: a millisecond or two, so that the member goes on meanwhile. */
const stepChanges = 2_000

/** The data as they were when it was begun: the store's `SnapshotWriter`. */
export interface DataWriter {
  readonly revision: Revision
  /** From 0 to 1. */
  readonly progress: number
  step(changesMax: number): Uint8Array<ArrayBuffer> | null
  abandon(): void
}

/**
 * Makes a file of a member's data, a step at a time. Null if it is to stop. The file is handed on by
 * reference: its bytes are in memory once, here, and then in the browser's keeping.
 */
export async function makeBackup(
  clusterId: string,
  writer: DataWriter,
  goOn: (fraction: number) => Promise<boolean>,
): Promise<Blob | null> {
  const createdAtMs = Date.now()
  const data = await encode(writer, goOn)
  if (data === null) return null
  const dataChecksum = await checksumInSteps(data, nextTask)
  const header = { clusterId, revision: writer.revision, createdAtMs, dataBytes: data.length, dataChecksum }
  return new Blob([encodeBackupHeader(header), data], { type: backupMediaType })
}

async function encode(
  writer: DataWriter,
  goOn: (fraction: number) => Promise<boolean>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    for (;;) {
      const data = writer.step(stepChanges)
      if (data !== null) return data
      if (!(await goOn(writer.progress))) return null
    }
  } finally {
    // What it reads must not be kept from being freed, whatever went wrong. Harmless after the end.
    writer.abandon()
  }
}

/** A timer would wait for its turn longer than for the work. */
function nextTask(): Promise<void> {
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
