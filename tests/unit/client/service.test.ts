import { expect, test } from 'vitest'
import { json } from '../../../src/client/codec.ts'
import type { LiveRange } from '../../../src/client/live.ts'
import { errorOf } from './fake-host.ts'
import { settled, type Tab, Tabs, useTestTime } from './tabs.ts'

useTestTime()

interface Endpoint {
  readonly url: string
}

function printers(tab: Tab) {
  return tab.db.namespace('app/', { codec: json<Endpoint>() }).service('printers')
}

test('who registers is seen by all, changes, and goes', async () => {
  const tabs = new Tabs()
  const [a, b] = [tabs.open(), tabs.open()]
  const seen: LiveRange<Endpoint>[] = []
  const unsubscribe = printers(b)
    .live()
    .subscribe(value => seen.push(value))
  const entry = await printers(a).register({ url: 'one' })
  expect(await printers(b).endpoints()).toMatchObject([{ key: entry.key, value: { url: 'one' } }])
  await entry.update({ url: 'two' })
  await entry.deregister()
  await settled()
  expect(seen.map(({ items }) => items.map(({ value }) => value.url)).filter(urls => urls.length > 0)).toEqual([
    ['one'],
    ['two'],
  ])
  expect(seen.at(-1)?.items).toEqual([])
  expect(await errorOf(entry.update({ url: 'three' }))).toMatchObject({ code: 'LOST' })
  unsubscribe()
})

test('who crashes is gone when the lease ends', async () => {
  const tabs = new Tabs()
  const [a, b] = [tabs.open(), tabs.open()]
  await printers(a).register({ url: 'one' }, { ttlSeconds: 5 })
  const watch = printers(b).watch()
  tabs.crash(a)
  await tabs.pass(8)
  expect(await watch.next()).toMatchObject({ value: { events: [{ type: 'delete' }] } })
  expect(await printers(b).endpoints()).toEqual([])
})

test('a tab may register twice, and is told when an entry of its is gone', async () => {
  const tabs = new Tabs()
  const tab = tabs.open()
  const [one, two] = [await printers(tab).register({ url: 'one' }), await printers(tab).register({ url: 'two' })]
  expect((await printers(tab).endpoints()).map(({ key }) => key).toSorted()).toEqual([one.key, two.key].toSorted())
  await tab.db.delete(`app/${one.key}`)
  await settled()
  expect([one.signal.aborted, two.signal.aborted]).toEqual([true, false])
})
