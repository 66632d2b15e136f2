import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import type { RunningBrowser } from './browsers.ts'

/** Longer than anything else keeps a renderer busy while nobody does anything. */
const busyMs = 600

/** The process that runs a Chromium's page: the one that is busy when the page is. Linux only. */
export async function rendererOf({ profile }: RunningBrowser, page: Page): Promise<number> {
  const [, group] = /(\d+)$/.exec(await readlink(join(profile, 'SingletonLock'))) ?? []
  const before = await renderersOf(Number(group))
  await page.evaluate(busyMs => {
    const end = performance.now() + busyMs
    while (performance.now() < end);
  }, busyMs)
  const after = await renderersOf(Number(group))
  const [busiest] = [...after]
    .map(([pid, ticks]) => ({ pid, ticks: ticks - (before.get(pid) ?? 0) }))
    .sort((a, b) => b.ticks - a.ticks)
  if (busiest === undefined) throw new Error('the browser has no renderer')
  return busiest.pid
}

/** The renderers of a browser, which is the leader of its process group, and how much of a processor's time each has had. */
async function renderersOf(group: number): Promise<Map<number, number>> {
  const renderers = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = await readFile(`/proc/${name}/stat`, 'utf8')
      // After the command, which is in parentheses and may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (Number(fields[2]) !== group) continue
      if (!(await readFile(`/proc/${name}/cmdline`, 'utf8')).includes('--type=renderer')) continue
      renderers.set(Number(name), Number(fields[11]) + Number(fields[12]))
    } catch {
      // It has ended meanwhile.
    }
  }
  return renderers
}
