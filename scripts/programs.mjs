/**
 * Programs that some tests use as they are: etcd, which judges; Redis and coturn, which the signaling server works with; a WebKit that
 * can be driven, and a screen for it. Where one is missing `npm test` installs it if apt can; if not, those tests are skipped and
 * all others run.
 */
import { spawn } from 'node:child_process'
import { hasApt, installWithApt } from './apt.mjs'

/** @typedef {'unit' | 'browser'} Group tests that use it */
/** @typedef {{ command: string, asks: string, package: string, group: Group, skipped: string }} Program */

/** @type {Program[]} */
const programs = [
  { command: 'etcd', asks: '--version', package: 'etcd-server', group: 'unit', skipped: 'what compares with etcd' },
  { command: 'etcdctl', asks: 'version', package: 'etcd-client', group: 'unit', skipped: 'etcdctl and the gateway' },
  { command: 'redis-server', asks: '--version', package: 'redis-server', group: 'unit', skipped: 'shared rooms' },
  { command: 'turnserver', asks: '--version', package: 'coturn', group: 'browser', skipped: 'links over TURN' },
  { command: 'WebKitWebDriver', asks: '--help', package: 'webkit2gtk-driver', group: 'browser', skipped: 'WebKit' },
  { command: 'Xvfb', asks: '-help', package: 'xvfb', group: 'browser', skipped: 'WebKit' },
]

/**
 * Installs what is missing.
 * @param {readonly Group[]} groups
 * @returns {Promise<string>} what there is now, a line for each
 */
export async function installPrograms(groups) {
  const wanted = programs.filter(({ group }) => groups.includes(group))
  let absent = await absentOf(wanted)
  if (absent.length > 0 && hasApt()) {
    await installWithApt(absent.map(program => program.package))
    absent = await absentOf(wanted)
  }
  const there = wanted.filter(program => !absent.includes(program)).map(({ command }) => command)
  const lines = there.length > 0 ? [`Using ${there.join(', ')}, as installed`] : []
  for (const program of absent) {
    lines.push(
      `No ${program.command} found, so tests are skipped: ${program.skipped}. On Debian: apt-get install ${program.package}`,
    )
  }
  return lines.join('\n')
}

/** @param {readonly Program[]} wanted */
async function absentOf(wanted) {
  const there = await Promise.all(wanted.map(runs))
  return wanted.filter((_, at) => !there[at])
}

/**
 * @param {Program} program
 * @returns {Promise<boolean>}
 */
function runs({ command, asks }) {
  return new Promise(resolve => {
    // The older clients of etcd speak another protocol unless they are told.
    const child = spawn(command, [asks], { stdio: 'ignore', env: { ...process.env, ETCDCTL_API: '3' } })
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })
}
