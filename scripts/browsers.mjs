/**
 * Finds the browsers that tests and benchmarks drive, and for `npm test` installs what is missing. Plain JavaScript
 * without a dependency at the top, because it runs before anything is installed.
 *
 * An installed Chromium or Chrome and Firefox come first, being what people really run; then Playwright's own.
 */
import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasApt, installWithApt } from './apt.mjs'
import { runNode, SetupError } from './setup.mjs'

/** @typedef {'chromium' | 'firefox'} BrowserName */
/** @typedef {{ name: BrowserName, path: string, origin: 'system' | 'playwright' }} Browser */

/**
 * Names on the PATH, then the usual places that are not on it.
 * @type {Record<BrowserName, { commands: string[], places: string[], debianPackage: string }>}
 */
const known = {
  chromium: {
    commands: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    places: [
      '/opt/google/chrome/chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    ],
    debianPackage: 'chromium',
  },
  firefox: {
    commands: ['firefox-esr', 'firefox'],
    places: ['/Applications/Firefox.app/Contents/MacOS/firefox', 'C:\\Program Files\\Mozilla Firefox\\firefox.exe'],
    debianPackage: 'firefox-esr',
  },
}

/** @type {readonly BrowserName[]} */
const names = ['chromium', 'firefox']

/** Wrapper scripts are smaller than this, browsers are not. */
const scriptBytesMax = 64 * 1024

/** @param {string} path */
function isUsable(path) {
  try {
    accessSync(path, constants.X_OK)
    return !isSnap(path)
  } catch {
    return false
  }
}

/**
 * Ubuntu's commands are often scripts that start a snap, or merely advise to install one; and a snap cannot use a profile
 * in the temp folder.
 * @param {string} path
 */
function isSnap(path) {
  const target = realpathSync(path)
  if (target.endsWith('/snap') || target.startsWith('/snap/')) return true
  return statSync(target).size <= scriptBytesMax && readFileSync(target, 'utf8').includes('/snap/')
}

/** @param {BrowserName} name @returns {Browser | null} */
function findInstalled(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  const { commands, places } = known[name]
  const candidates = [...commands.flatMap(command => folders.map(folder => join(folder, command))), ...places]
  const path = candidates.find(isUsable)
  return path === undefined ? null : { name, path, origin: 'system' }
}

/** @param {BrowserName} name @returns {Promise<Browser | null>} */
async function findPlaywrights(name) {
  const playwright = await import('playwright').catch(() => null)
  const path = playwright?.[name].executablePath()
  return path !== undefined && isUsable(path) ? { name, path, origin: 'playwright' } : null
}

/**
 * The browser to drive, or null if there is none.
 * @param {BrowserName} name
 */
export async function findBrowser(name) {
  return findInstalled(name) ?? (await findPlaywrights(name))
}

/**
 * The browser to drive; throws with what to install if there is none.
 * @param {BrowserName} name
 */
export async function requireBrowser(name) {
  const browser = await findBrowser(name)
  if (browser === null) throw new SetupError(missing([name]))
  return browser
}

/**
 * Finds both browsers and installs those that are missing: as root on Debian by apt, else Playwright's own builds.
 * @returns {Promise<Browser[]>}
 */
export async function installBrowsers() {
  let absent = await absentBrowsers()
  if (absent.length > 0 && hasApt()) {
    await installWithApt(absent.map(name => known[name].debianPackage))
    absent = await absentBrowsers()
  }
  if (absent.length > 0) {
    console.log(`Installing Playwright's own ${absent.join(' and ')}. This takes a minute or two.`)
    const withLibraries = process.platform === 'linux' && process.getuid?.() === 0 ? ['--with-deps'] : []
    await runNode('node_modules/playwright/cli.js', ['install', ...withLibraries, ...absent])
    absent = await absentBrowsers()
  }
  if (absent.length > 0) throw new SetupError(missing(absent))
  return Promise.all(names.map(requireBrowser))
}

async function absentBrowsers() {
  const found = await Promise.all(names.map(findBrowser))
  return names.filter((_, at) => found[at] === null)
}

/** @param {readonly BrowserName[]} absent */
function missing(absent) {
  const packages = absent.map(name => known[name].debianPackage).join(' ')
  const list = absent.join(' ')
  return `No ${absent.join(' and no ')} found. Install it: "apt-get install ${packages}" on Debian, elsewhere "npx playwright install --with-deps ${list}".`
}
