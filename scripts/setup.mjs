/**
 * What `npm start` and `npm test` do before their own work, on a machine that has only Node: installing and building.
 * No dependencies at the top, because they may not be installed yet.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const interruptGraceMs = 5_000

/** Ends a command with one line: what went wrong and what to do about it. */
export class SetupError extends Error {}

/**
 * Runs a command with this terminal as its own.
 * @param {string} command
 * @param {string[]} args
 * @param {{ timeoutMs?: number, env?: NodeJS.ProcessEnv }} [options] SIGTERM after `timeoutMs`
 * @returns {Promise<{ ok: boolean, how: string }>} `how` says in words how it ended
 */
export function run(command, args, { timeoutMs, env } = {}) {
  return new Promise(resolve => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    })
    // Ctrl-C in a terminal reaches the child as well, which then ends in its own good time; a SIGINT sent by a program
    // reaches this process alone, so after a while the child is told.
    /** @type {NodeJS.Timeout | undefined} */
    let reminder
    const terminate = () => child.kill('SIGTERM')
    const interrupt = () => {
      reminder ??= setTimeout(terminate, interruptGraceMs)
    }
    process.on('SIGINT', interrupt).on('SIGTERM', terminate)
    const end = (/** @type {boolean} */ ok, /** @type {string} */ how) => {
      clearTimeout(reminder)
      process.off('SIGINT', interrupt).off('SIGTERM', terminate)
      resolve({ ok, how })
    }
    child.once('error', error => end(false, error.message))
    child.once('exit', (code, signal) => end(code === 0, signal === null ? `exit code ${code}` : `ended by ${signal}`))
  })
}

/**
 * Runs a Node program of an installed package, without a shell or npx between.
 * @param {string} script path below the root, for example `node_modules/vite/bin/vite.js`
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runNode(script, args, options) {
  return run(process.execPath, [join(root, script), ...args], options)
}

/** Makes `node_modules` what the lock file says, if it is not. */
export async function installPackages() {
  if (packagesAreInstalled()) return
  console.log('Installing packages (npm ci). The first time this takes up to a minute or two.')
  // Under `npm start` this is the npm that runs us, which need not be on the PATH.
  const npm = process.env.npm_execpath
  const { ok, how } = npm?.endsWith('.js')
    ? await run(process.execPath, [npm, 'ci'])
    : await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci'])
  if (!ok) {
    throw new SetupError(
      `Installing packages failed (npm ci: ${how}): see npm's reason above, check the network, and run this again.`,
    )
  }
}

/**
 * Compares what npm noted when it installed with the lock file. Contents and not times, since a checkout touches the
 * lock file without changing it.
 */
export function packagesAreInstalled() {
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'))
  if (installed === null) return false
  const wanted = readPackages(join(root, 'package-lock.json')) ?? {}
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true
    const found = installed[path]
    // Absent optional packages are those of other platforms.
    return found === undefined ? optional === true : found.version === version
  })
}

/** @param {string} path @returns {Record<string, { version: string, optional?: boolean }> | null} */
function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return null
  }
}

/** Builds the app into `dist/` unless it is there and newer than all it is made from. */
export async function buildApp() {
  const sources = ['index.html', 'vite.config.ts', 'src', 'public', 'signaling/vite-plugin.ts']
  await build('app', 'dist/index.html', sources, [])
}

/** Builds the server into `dist-signaling/`, likewise. */
export async function buildServer() {
  const sources = ['vite.signaling.config.ts', 'signaling', 'src/net/signaling-protocol.ts']
  await build('server', 'dist-signaling/flotilla-signaling.js', sources, ['--config', 'vite.signaling.config.ts'])
}

/** @param {string} what @param {string} result @param {string[]} sources @param {string[]} args */
async function build(what, result, sources, args) {
  const times = ['package-lock.json', ...sources].map(name => newestMs(join(root, name)))
  const built = statSync(join(root, result), { throwIfNoEntry: false })
  if (built !== undefined && Math.max(...times) < built.mtimeMs) return
  const { ok, how } = await runNode('node_modules/vite/bin/vite.js', ['build', '--logLevel', 'warn', ...args])
  if (!ok) throw new SetupError(`Building the ${what} failed (vite build: ${how}): see the reason above.`)
}

/**
 * When a file, or anything below a folder, last changed. A folder's own time tells of files removed.
 * @param {string} path @returns {number}
 */
function newestMs(path) {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map(name => newestMs(join(path, name))))
}
