import { expect, test } from 'vitest'
import { type ExportData, exportBackup, inspectBackup } from '../../../src/client/backup.ts'
import { awaitAnswers } from '../../../src/client/leave.ts'
import * as requests from '../store/requests.ts'
import { aloneStatus, errorOf, FakeHost, putResponse, sent } from './fake-host.ts'

const file = new Blob(['backup'])
const gives: ExportData = async goOn => {
  goOn(0.5)
  return { ok: true, value: file }
}

test('an export waits until the member has all that was acknowledged', async () => {
  const host = new FakeHost()
  let asked = false
  const exporting = exportBackup(
    host.connection,
    aloneStatus,
    goOn => {
      asked = true
      return gives(goOn)
    },
    {},
  )
  await sent()
  expect(host.last().request).toMatchObject({ kind: 'read', serializable: false })
  expect(asked).toBe(false)
  host.respond(host.last().id, { op: 'leases', header: { revision: 3 }, leases: [] })
  expect(await exporting).toBe(file)
})

test('a serializable one asks nobody, but a member that was given nothing yet has nothing to give', async () => {
  const { connection, requests } = new FakeHost()
  const fractions: number[] = []
  const onProgress = (fraction: number) => fractions.push(fraction)
  expect(await exportBackup(connection, aloneStatus, gives, { serializable: true, onProgress })).toBe(file)
  expect(fractions).toEqual([0.5, 1])
  expect(requests).toEqual([])
  const joining = { ...aloneStatus, replica: { ...aloneStatus.replica, applied: 0 } }
  const error = await errorOf(exportBackup(connection, joining, gives, { serializable: true }))
  expect(error).toMatchObject({ code: 'UNAVAILABLE' })
})

test('an export that is aborted tells the worker to stop', async () => {
  const { connection } = new FakeHost()
  const abort = new AbortController()
  let goesOn = true
  const exporting = exportBackup(
    connection,
    aloneStatus,
    async goOn => {
      abort.abort()
      goesOn = goOn(0.1)
      return { ok: true, value: null }
    },
    { serializable: true, signal: abort.signal },
  )
  expect(await errorOf(exporting)).toMatchObject({ code: 'ABORTED' })
  expect(goesOn).toBe(false)
})

test('what the worker cannot do is an error with its name', async () => {
  const { connection } = new FakeHost()
  const refuses: ExportData = async () => ({ ok: false, code: 'STOPPED', message: 'not open' })
  const error = await errorOf(exportBackup(connection, aloneStatus, refuses, { serializable: true }))
  expect(error).toMatchObject({ name: 'FlotillaError', code: 'STOPPED' })
})

test('a file that is no backup is known as such before it is put to use', async () => {
  expect(await errorOf(inspectBackup(file))).toMatchObject({ code: 'INVALID_BACKUP' })
})

test('leaving waits for the answers that are due', async () => {
  const host = new FakeHost()
  await awaitAnswers(host.connection, undefined)
  void host.connection.write(requests.put('k', 'v'))
  await sent()
  let answered = false
  const waiting = awaitAnswers(host.connection, undefined).then(() => {
    answered = true
  })
  await sent()
  expect(answered).toBe(false)
  host.respond(host.last().id, putResponse(2))
  await waiting
  const abort = AbortSignal.abort()
  void host.connection.write(requests.put('k', 'v'))
  expect(await errorOf(awaitAnswers(host.connection, abort))).toMatchObject({ code: 'ABORTED' })
})
