/**
 * Finds the browsers that tests and benchmarks drive. Plain JavaScript without a dependency at the top, because
 * `npm test` asks it before anything is installed.
 *
 * An installed Chromium or Chrome and Firefox come first, being what people really run; then Playwright's own.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** @typedef {'chromium' | 'firefox'} BrowserName */
/** @typedef {{ name: BrowserName, path: string, origin: 'system' | 'playwright' }} Browser */

/** Names on the PATH, then the usual places that are not on it. @type {Record<BrowserName, { commands: string[], places: string[] }>} */
const installed = {
  chromium: {
    commands: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    places: [
      '/usr/lib/chromium/chromium',
      '/opt/google/chrome/chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    ],
  },
  firefox: {
    commands: ['firefox-esr', 'firefox'],
    places: [
      '/usr/lib/firefox-esr/firefox-esr',
      '/Applications/Firefox.app/Contents/MacOS/firefox',
      'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
    ],
  },
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param {BrowserName} name @returns {Browser | null} */
function findInstalled(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  const { commands, places } = installed[name]
  const candidates = [...commands.flatMap(command => folders.map(folder => join(folder, command))), ...places]
  const path = candidates.find(isExecutable)
  return path === undefined ? null : { name, path, origin: 'system' }
}

/** @param {BrowserName} name @returns {Promise<Browser | null>} */
async function findPlaywrights(name) {
  const playwright = await import('playwright').catch(() => null)
  const path = playwright?.[name].executablePath()
  return path !== undefined && isExecutable(path) ? { name, path, origin: 'playwright' } : null
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
  if (browser === null) throw new Error(`no ${name} found: ${howToInstall([name])}`)
  return browser
}

/** @param {BrowserName[]} names */
export function howToInstall(names) {
  const packages = names.map(name => (name === 'firefox' ? 'firefox-esr' : 'chromium'))
  return `install it with "apt-get install ${packages.join(' ')}" (Debian) or "npx playwright install --with-deps ${names.join(' ')}"`
}
