import { expect, test } from 'vitest'
import { inspectData } from '../../../src/replica/founding.ts'
import { Store } from '../../../src/store/store.ts'
import { readBackup } from '../../../src/wal/backup-file.ts'
import { makeBackup } from '../../../src/worker/exporting.ts'
import { put, Writer } from '../store/requests.ts'

const clusterId = '0123456789abcdef0123456789abcdef'

function storeOf(keys: number): { store: Store; writer: Writer } {
  const store = new Store()
  const writer = new Writer(store)
  for (let i = 0; i < keys; i++) writer.ok(put(`k${i}`, `v${i}`))
  return { store, writer }
}

test('a backup is of the moment it was begun, whatever is written meanwhile', async () => {
  const { store, writer } = storeOf(5_000)
  const expected = store.hashKv(0)
  const fractions: number[] = []
  const file = await makeBackup(clusterId, store.beginExport(), async fraction => {
    fractions.push(fraction)
    writer.ok(put('k0', 'meanwhile'))
    return true
  })
  if (file === null) throw new Error('it was made')
  const { header, data } = await readBackup(file)
  expect(header).toMatchObject({ clusterId, revision: 5_001 })
  expect(inspectData(data)).toEqual({ ok: true, revision: 5_001 })
  expect(Store.restore(data).hashKv(0)).toEqual(expected)
  expect(fractions.length).toBeGreaterThan(3)
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
})

test('one that nobody waits for any more ends, and lets go of what it was reading', async () => {
  const { store } = storeOf(5_000)
  const writer = store.beginExport()
  let abandoned = false
  const watched = {
    revision: writer.revision,
    progress: 0.5,
    step: (changes: number) => writer.step(changes),
    abandon: () => {
      abandoned = true
      writer.abandon()
    },
  }
  expect(await makeBackup(clusterId, watched, async () => false)).toBeNull()
  expect(abandoned).toBe(true)
})
