/**
 * etcd, the judge of some tests, and its client. Where they are missing `npm test` installs them if apt can; if not, those
 * tests are skipped and all others run.
 */
import { spawn } from 'node:child_process'
import { hasApt, installWithApt } from './apt.mjs'

/** @type {{ command: string, args: string[], debianPackage: string }[]} */
const programs = [
  { command: 'etcd', args: ['--version'], debianPackage: 'etcd-server' },
  { command: 'etcdctl', args: ['version'], debianPackage: 'etcd-client' },
]

/**
 * Installs what is missing.
 * @returns {Promise<string>} what there is now, in a line
 */
export async function installEtcd() {
  let absent = await absentPrograms()
  if (absent.length > 0 && hasApt()) {
    await installWithApt(absent.map(({ debianPackage }) => debianPackage))
    absent = await absentPrograms()
  }
  if (absent.length === 0) return 'Using etcd and etcdctl, as installed'
  const names = absent.map(({ command }) => command).join(' and no ')
  const packages = absent.map(({ debianPackage }) => debianPackage).join(' ')
  return `No ${names} found, so what compares with etcd is skipped. On Debian: apt-get install ${packages}`
}

async function absentPrograms() {
  const there = await Promise.all(programs.map(runs))
  return programs.filter((_, at) => !there[at])
}

/**
 * @param {typeof programs[number]} program
 * @returns {Promise<boolean>}
 */
function runs({ command, args }) {
  return new Promise(resolve => {
    // The older clients speak another protocol unless they are told.
    const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ETCDCTL_API: '3' } })
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })
}
