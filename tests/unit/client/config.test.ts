import { expect, test } from 'vitest'
import { json } from '../../../src/client/codec.ts'
import type { ConfigView } from '../../../src/client/config.ts'
import { errorOf } from './fake-host.ts'
import { settled, Tabs } from './tabs.ts'

interface Theme {
  readonly dark: boolean
}

function open() {
  const tab = new Tabs().open()
  const theme = tab.db.namespace('settings/', { codec: json<Theme>() }).config('theme')
  return { tab, theme }
}

async function historyOf(theme: ReturnType<typeof open>['theme']) {
  const found = []
  for await (const { value, modRevision } of theme.history()) found.push([modRevision, value.dark])
  return found
}

test('its current value is a store', async () => {
  const { theme } = open()
  const seen: ConfigView<Theme>[] = []
  theme.subscribe(view => seen.push(view))
  await theme.set({ dark: true })
  await settled()
  expect(seen[0]).toEqual({ current: null, revision: 0, error: null })
  expect(seen.at(-1)).toMatchObject({ current: { key: 'theme', value: { dark: true } }, revision: 2, error: null })
})

test('its history is told from the latest back to its creation', async () => {
  const { tab, theme } = open()
  await theme.set({ dark: true })
  await tab.db.put('between', 'x')
  await theme.set({ dark: false })
  await theme.set({ dark: true })
  expect(await historyOf(theme)).toEqual([
    [5, true],
    [4, false],
    [2, true],
  ])
})

test('what is compacted is no longer part of it', async () => {
  const { tab, theme } = open()
  for (const dark of [true, false, true]) await theme.set({ dark })
  await tab.connection.write({ op: 'compact', revision: 3 })
  expect(await historyOf(theme)).toEqual([
    [4, true],
    [3, false],
  ])
})

test('what nobody set has none', async () => {
  const { theme } = open()
  expect(await theme.get()).toBeNull()
  expect(await historyOf(theme)).toEqual([])
})

test('rolled back, it has its old value as a new revision', async () => {
  const { theme } = open()
  for (const dark of [true, false]) await theme.set({ dark })
  expect(await theme.rollback(2)).toEqual({ succeeded: true, header: { revision: 4 } })
  expect(await theme.get()).toMatchObject({ value: { dark: true }, version: 3 })
})

test('not over what somebody has changed since one looked', async () => {
  const { theme } = open()
  const shown = await theme.set({ dark: true })
  await theme.set({ dark: false })
  const { revision } = shown.header
  expect(await theme.rollback(revision, { ifModRevision: revision })).toMatchObject({ succeeded: false })
  expect(await theme.set({ dark: true }, { ifModRevision: revision })).toMatchObject({ succeeded: false })
  expect(await theme.set({ dark: true }, { ifModRevision: 3 })).toMatchObject({ succeeded: true })
})

test('there is no rolling back to nothing, or to what is no longer kept', async () => {
  const { tab, theme } = open()
  for (const dark of [true, false, true]) await theme.set({ dark })
  expect(await errorOf(theme.rollback(1))).toMatchObject({ code: 'KEY_NOT_FOUND' })
  expect(await errorOf(theme.rollback(99))).toMatchObject({ code: 'FUTURE_REVISION' })
  await tab.connection.write({ op: 'compact', revision: 3 })
  expect(await errorOf(theme.rollback(2))).toMatchObject({ code: 'COMPACTED', compactRevision: 3 })
})
