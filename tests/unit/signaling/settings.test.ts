import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultLimits } from '../../../signaling/limits.ts'
import { readSettings } from '../../../signaling/settings.ts'

test('where nothing is said, all is as by default, and an empty variable says nothing', () => {
  const settings = readSettings([], { PORT: '', FLOTILLA_TICKET_KEY: '', OTHER: 'x' })
  expect(settings).toMatchObject({ ...defaultLimits, port: 8080, host: null, ticketKey: [], origins: ['*'] })
})

test('a flag comes before its variable', () => {
  const environment = { PORT: '1', FLOTILLA_ROOM_PEERS_MAX: '2', FLOTILLA_ORIGINS: 'same, https://app.example' }
  const settings = readSettings(['--port', '3'], environment)
  expect(settings).toMatchObject({ port: 3, roomPeersMax: 2, origins: ['same', 'https://app.example'] })
})

test('secrets are in the environment or in a file, several of them in any', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-settings-'))
  const file = join(directory, 'keys')
  const keys = ['the-first-of-the-keys', 'the-other-of-the-keys']
  await writeFile(file, `${keys.join('\n')}\n`)
  expect(readSettings([], { FLOTILLA_TICKET_KEY: keys.join(',') }).ticketKey).toEqual(keys)
  expect(readSettings([], { FLOTILLA_TICKET_KEY_FILE: file }).ticketKey).toEqual(keys)
  expect(readSettings(['--ticket-key-file', file], {}).ticketKey).toEqual(keys)
  expect(readSettings([], { REDIS_URL: 'redis://:secret@localhost' }).redisUrl).toBe('redis://:secret@localhost')
  // Which must not mean that there is no key.
  await writeFile(file, '\n')
  expect(() => readSettings(['--ticket-key-file', file], {})).toThrow('give 16 characters or more')
  await rm(directory, { recursive: true })
})

test.each<[reason: string, args: string[], environment: Record<string, string>]>([
  ['--port is "eighty": give a whole number from 0 to 65535', ['--port', 'eighty'], {}],
  ['PORT is "70000": give a whole number from 0 to 65535', [], { PORT: '70000' }],
  ['--port is "1e3"', ['--port', '1e3'], {}],
  ["Unknown option '--colour'", ['--colour'], {}],
  ["Unknown option '--ticket-key'", ['--ticket-key', 'a-key-of-some-length'], {}],
  ['FLOTILLA_ROOM_PEERS_MAX is "0": give a whole number from 1', [], { FLOTILLA_ROOM_PEERS_MAX: '0' }],
  ['--origins is "app.example": give origins like https://', ['--origins', 'app.example'], {}],
  ['--origins is "https://app.example/"', ['--origins', 'https://app.example/'], {}],
  ['--metrics-port is "on": give a whole number from 0 to 65535, or "off"', ['--metrics-port', 'on'], {}],
  ['--metrics-port is "70000": give a whole number', ['--metrics-port', '70000'], {}],
  ['--log-level is "loud": give one of silent', ['--log-level', 'loud'], {}],
  ['FLOTILLA_TICKET_KEY: give 16 characters or more', [], { FLOTILLA_TICKET_KEY: 'short' }],
  ['--ticket-key-file: ENOENT', ['--ticket-key-file', 'nowhere'], {}],
  ['--turn-urls is "https://turn.example.org"', ['--turn-urls', 'https://turn.example.org'], {}],
  ['REDIS_URL: give an address like redis://', [], { REDIS_URL: 'somewhere' }],
])('%s', (reason, args, environment) => {
  expect(() => readSettings(args, environment)).toThrow(reason)
})

test('a secret that is wrong is not repeated in the error', () => {
  expect(() => readSettings([], { FLOTILLA_TURN_SECRET: 'too-short' })).toThrow(/^((?!too-short).)*$/)
})
