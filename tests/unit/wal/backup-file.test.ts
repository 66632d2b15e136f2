import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BackupError,
  type BackupHeader,
  backupHeaderBytes,
  checksumInSteps,
  decodeBackupHeader,
  encodeBackupHeader,
  readBackup,
  readBackupHeader,
} from '../../../src/wal/backup-file.ts'
import { crc32c } from '../../../src/wal/crc32c.ts'

function backupOf(data: Uint8Array<ArrayBuffer>, header: Partial<BackupHeader> = {}): Uint8Array<ArrayBuffer> {
  const whole = {
    clusterId: '00112233445566778899aabbccddeeff',
    revision: 7,
    createdAtMs: 1_800_000_000_000,
    dataBytes: data.length,
    dataChecksum: crc32c(data),
    ...header,
  }
  return Uint8Array.from([...encodeBackupHeader(whole), ...data])
}

async function refusal(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  try {
    await readBackup(new Blob([bytes]))
  } catch (error) {
    if (error instanceof BackupError) return error.message
    throw error
  }
  throw new Error('it was read')
}

const someData = Uint8Array.from({ length: 40 }, (_, i) => i * 5)

describe('a backup', () => {
  test('is read as it was written', async () => {
    const content = {
      clusterId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      revision: fc.nat(Number.MAX_SAFE_INTEGER),
      createdAtMs: fc.nat(Number.MAX_SAFE_INTEGER),
      data: fc.uint8Array({ maxLength: 200 }),
    }
    await fc.assert(
      fc.asyncProperty(fc.record(content), async ({ clusterId, revision, createdAtMs, data }) => {
        const hex = Array.from(clusterId, byte => byte.toString(16).padStart(2, '0')).join('')
        const bytes = backupOf(data.slice(), { clusterId: hex, revision, createdAtMs })
        const read = await readBackup(new Blob([bytes]))
        expect(read.header).toMatchObject({ clusterId: hex, revision, createdAtMs, dataBytes: data.length })
        expect(read.data).toEqual(data)
      }),
    )
  })

  test('of which any bit flipped is refused', async () => {
    const whole = backupOf(someData)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = whole.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await refusal(flipped)).toMatch(/damaged|not a backup|version/)
    }
  })

  test('cut off anywhere, or with something behind it, is refused', async () => {
    const whole = backupOf(someData)
    for (let length = 0; length < whole.length; length++) {
      expect(await refusal(whole.slice(0, length))).toContain('cut short')
    }
    expect(await refusal(Uint8Array.from([...whole, 0]))).toContain('follows')
  })

  test('with anything else done to it is refused, and never with another kind of error', async () => {
    const whole = backupOf(someData)
    const edit = fc.record({ at: fc.nat(whole.length), remove: fc.nat(20), insert: fc.uint8Array({ maxLength: 20 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async edits => {
        const bytes = [...whole]
        for (const { at, remove, insert } of edits) bytes.splice(at, remove, ...insert)
        if (whole.every((byte, i) => bytes[i] === byte) && bytes.length === whole.length) return
        await refusal(Uint8Array.from(bytes))
      }),
      { numRuns: 500 },
    )
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async bytes => {
        await refusal(bytes.slice())
      }),
    )
  })

  test('of a later version says so', async () => {
    const later = backupOf(someData)
    later[8] = 2
    expect(await refusal(later)).toContain('version 2')
  })

  test('says what it is from its first bytes alone', async () => {
    const whole = backupOf(someData)
    whole[whole.length - 1] = 99
    expect(await readBackupHeader(new Blob([whole]))).toMatchObject({ revision: 7, dataBytes: 40 })
    expect(() => decodeBackupHeader(whole.subarray(0, backupHeaderBytes), whole.length - 1)).toThrow('cut short')
  })

  test('whose integers cannot be is refused, even with the right checksum', async () => {
    const bytes = backupOf(someData)
    bytes.fill(0xff, 25, 33)
    new DataView(bytes.buffer).setUint32(backupHeaderBytes - 4, crc32c(bytes.subarray(0, backupHeaderBytes - 4)), true)
    expect(await refusal(bytes)).toContain('makes no sense')
  })

  test('that can no longer be read from the disk is refused', async () => {
    const gone = new Blob([backupOf(someData)])
    gone.slice = () => {
      const part = new Blob([])
      part.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotFoundError'))
      return part
    }
    await expect(readBackup(gone)).rejects.toThrow(BackupError)
  })
})

test('a checksum made in steps is that of the whole', async () => {
  const data = Uint8Array.from({ length: 2 * 1024 * 1024 + 5 }, (_, i) => i * 31)
  let pauses = 0
  const sum = await checksumInSteps(data, async () => {
    pauses += 1
  })
  expect(sum).toBe(crc32c(data))
  expect(pauses).toBe(3)
})
