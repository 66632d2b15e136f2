import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Row } from './report.ts'
import type { Stand } from './stand.ts'
import { medianOf } from './stats.ts'
import { close, newPage } from './tab-pages.ts'

const keys = 1_000
const bytes = 1_024
/** How often the folder is looked at while writes go on. */
const lookEveryMs = 500

/** The same keys written over and over in a tab that is alone: what the folder grew by, while it went on and in the end. */
export async function measureDisk(stand: Stand, writes: number): Promise<Row[]> {
  const folder = join(stand.browser.profile, 'Default', 'IndexedDB')
  const before = await bytesIn(folder)
  const page = await newPage(stand, stand.pageUrl('tab'))
  await page.evaluate(() => window.benchTab.found(0))
  let most = 0
  const look = setInterval(async () => {
    most = Math.max(most, (await bytesIn(folder)) - before)
  }, lookEveryMs)
  await page.evaluate(([keys, bytes, writes]) => window.benchTab.overwrite(keys, bytes, writes), [
    keys,
    bytes,
    writes,
  ] as const)
  clearInterval(look)
  const end = (await bytesIn(folder)) - before
  const live = await page.evaluate(() => window.benchTab.storeBytes())
  await close(page)
  const load = `on disk after ${writes.toLocaleString('en')} writes of 1 KiB to ${keys.toLocaleString('en')} keys`
  const floor = medianOf('bytes', [live])
  return [
    { load, flotilla: medianOf('bytes', [end]), floor, etcd: null },
    { load: 'the most there was meanwhile', flotilla: medianOf('bytes', [Math.max(most, end)]), floor, etcd: null },
  ]
}

/** What is deleted while it is counted does not count. */
async function bytesIn(folder: string): Promise<number> {
  const files = await readdir(folder, { withFileTypes: true, recursive: true })
  const sizes = files
    .filter(file => file.isFile())
    .map(file =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
