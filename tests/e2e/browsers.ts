import { mkdtemp, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, firefox } from 'playwright'
import { requireBrowser } from '../../scripts/browsers.mjs'

/**
 * Real browsers on real profiles. Playwright's `newContext()` keeps IndexedDB in memory, so durability can be tested and
 * measured only on a persistent context. Shared by the browser tests and the benchmark.
 */
export interface RunningBrowser {
  readonly context: BrowserContext
  /** The profile's folder; give it to another launch to start again on the same data. */
  readonly profile: string
  /** SIGKILL to every process of the browser: what a power cut looks like from inside. */
  kill(): Promise<void>
  /** An orderly end. */
  close(): Promise<void>
}

export interface LaunchOptions {
  readonly profile: string
  /** Show the window. */
  readonly headed?: boolean
  readonly args?: readonly string[]
}

export function makeProfile(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'flotilla-profile-'))
}

export async function removeProfile(profile: string): Promise<void> {
  // A killed browser's last child may still be writing for a moment.
  await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

const chromiumArgs = [
  // Members on one machine must find each other without multicast DNS.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
]

export async function launchChromium({ profile, headed = false, args = [] }: LaunchOptions): Promise<RunningBrowser> {
  const { path } = await requireBrowser('chromium')
  // Chromium's sandbox refuses to run as root.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: path,
    headless: !headed,
    args: [...sandbox, ...chromiumArgs, ...args],
  })
  return running(context, profile, 'SingletonLock')
}

export async function launchFirefox({ profile, headed = false, args = [] }: LaunchOptions): Promise<RunningBrowser> {
  const { path, origin } = await requireBrowser('firefox')
  const context = await firefox.launchPersistentContext(profile, {
    // A Firefox that Playwright did not patch is driven over WebDriver BiDi, which this channel selects.
    ...(origin === 'system' ? { channel: 'moz-firefox' } : {}),
    executablePath: path,
    headless: !headed,
    args: [...args],
    firefoxUserPrefs: {
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.peerconnection.ice.loopback': true,
    },
  })
  return running(context, profile, 'lock')
}

async function running(context: BrowserContext, profile: string, lock: string): Promise<RunningBrowser> {
  const pid = await lockHolder(join(profile, lock))
  const closed = new Promise<void>(resolve => context.once('close', () => resolve()))
  return {
    context,
    profile,
    async kill() {
      // Playwright starts each browser as the leader of its own process group.
      process.kill(-pid, 'SIGKILL')
      await closed
    },
    close: () => context.close(),
  }
}

/** Both browsers guard a profile with a symbolic link that ends in the number of the process that holds it. */
async function lockHolder(link: string): Promise<number> {
  const target = await readlink(link)
  const pid = Number(/(\d+)$/.exec(target)?.[1])
  if (!Number.isSafeInteger(pid) || pid <= 1) throw new Error(`${link} names no process: ${target}`)
  return pid
}
