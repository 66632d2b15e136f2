/** Installing what is no npm package, on the one kind of system where that needs no questions: Debian, as root. */
import { readFileSync } from 'node:fs'
import { run } from './setup.mjs'

export function hasApt() {
  return process.getuid?.() === 0 && isDebian()
}

/**
 * Whether it worked is for the caller to see: by what is there afterwards.
 * @param {string[]} packages
 */
export async function installWithApt(packages) {
  console.log(`Installing ${packages.join(' and ')} with apt. This takes a minute or two.`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const updated = await run('apt-get', ['update', '-q'], { env })
  if (updated.ok) await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], { env })
}

function isDebian() {
  try {
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}
