/** `npm test`: from a fresh clone to one line that says how it went. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installBrowsers } from './browsers.mjs'
import { installPrograms } from './programs.mjs'
import { installPackages, runNode, SetupError } from './setup.mjs'

const usage = `Installs what is missing and runs all checks: types, lint, unit tests and simulations, build, browser tests.

  npm test                run everything
  npm test -- --unit      all that needs no browser
  npm test -- --browser   build and browser tests only
  npm test -- --help      this text

Browser tests use an installed Chromium and Firefox. Where one is missing it is installed: as root on Debian with apt,
else as Playwright's own build. Some tests use etcd, Redis, coturn and WebKitGTK: what is missing of
these is installed, as root on Debian, with apt; else those tests are skipped. The last line reads "N passed, N failed"; the
exit code is 0 if nothing failed.
`

/** A step that takes longer than this hangs. */
const stepMsMax = 40 * 60 * 1000

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */
/** @typedef {{ title: string, group: 'unit' | 'browser', run: () => Promise<Count> }} Step */

const reports = mkdtempSync(join(tmpdir(), 'flotilla-test-'))

/** @type {Step[]} */
const steps = [
  check('unit', 'Types: raft, store, replica', 'typescript/bin/tsc', ['-p', 'tsconfig.pure.json']),
  check('unit', 'Types: worker', 'typescript/bin/tsc', ['-p', 'tsconfig.worker.json']),
  check('unit', 'Types: page, server, tests', 'typescript/bin/tsc', ['-p', 'tsconfig.json']),
  check('unit', 'Types: Svelte', 'svelte-check/bin/svelte-check', [
    '--tsconfig',
    './tsconfig.json',
    '--fail-on-warnings',
  ]),
  check('unit', 'Lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings']),
  { title: 'Unit tests and simulations', group: 'unit', run: runVitest },
  check('browser', 'Build', 'vite/bin/vite.js', ['build']),
  { title: 'Browser tests', group: 'browser', run: runPlaywright },
]

/**
 * A step that passes or fails as a whole.
 * @param {Step['group']} group @param {string} title @param {string} tool below node_modules @param {string[]} args
 * @returns {Step}
 */
function check(group, title, tool, args) {
  const run = async () => {
    const { ok, how } = await runTool(tool, args)
    if (!ok) console.log(`Failed: ${how}`)
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
  }
  return { title, group, run }
}

/** @param {string} tool @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function runTool(tool, args, env = {}) {
  return runNode(join('node_modules', tool), args, { timeoutMs: stepMsMax, env })
}

async function runVitest() {
  const report = join(reports, 'unit.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const outcome = await runTool('vitest/vitest.mjs', args)
  return reconcile(
    outcome,
    report,
    ({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) => {
      // A file that could not even be loaded has no failed test of its own.
      const broken = testResults.filter(
        (/** @type {any} */ file) => file.status === 'failed' && file.assertionResults.length === 0,
      )
      return {
        passed: numPassedTests,
        failed: numFailedTests + broken.length,
        skipped: numPendingTests + numTodoTests,
      }
    },
  )
}

async function runPlaywright() {
  const report = join(reports, 'browser.json')
  const args = ['test', `--reporter=${process.env.CI ? 'line' : 'list'},json`]
  const outcome = await runTool('playwright/cli.js', args, { PLAYWRIGHT_JSON_OUTPUT_FILE: report })
  return reconcile(outcome, report, ({ stats, errors }) => ({
    passed: stats.expected,
    // Flaky is failed: a test that passes now and then proves nothing. Errors are those outside of any test.
    failed: stats.unexpected + stats.flaky + errors.length,
    skipped: stats.skipped,
  }))
}

/**
 * Counts from a tool's report. A tool that ends badly without having counted a failure (it crashed, it hung) is one.
 * @param {{ ok: boolean, how: string }} outcome
 * @param {string} report
 * @param {(report: any) => Count} count reads the tool's own JSON
 * @returns {Count}
 */
function reconcile({ ok, how }, report, count) {
  /** @type {Count} */
  let counted = { passed: 0, failed: 0, skipped: 0 }
  try {
    counted = count(JSON.parse(readFileSync(report, 'utf8')))
  } catch (error) {
    how = `no report (${error instanceof Error ? error.message : error}), ${how}`
    ok = false
  }
  if (ok || counted.failed > 0) return counted
  console.log(`Failed: ${how}`)
  return { ...counted, failed: 1 }
}

function readOptions() {
  try {
    const options = { unit: { type: 'boolean' }, browser: { type: 'boolean' }, help: { type: 'boolean' } }
    return parseArgs({ options: /** @type {Record<string, { type: 'boolean' }>} */ (options) }).values
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : error} (npm test -- --help lists the options)`)
  }
}

/** @param {number} sinceMs */
function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}

/** @param {Step[]} chosen @returns {Promise<Count>} */
async function runSteps(chosen) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  /** @type {string[]} */
  const lines = []
  let interrupted = false
  const interrupt = () => {
    interrupted = true
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  for (const { title, run } of chosen) {
    console.log(`\n== ${title}`)
    const start = performance.now()
    const { passed, failed, skipped } = await run()
    if (interrupted) throw new SetupError(`Interrupted during "${title}".`)
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
    const skips = skipped > 0 ? `, ${skipped} skipped` : ''
    lines.push(
      `${failed === 0 ? 'ok    ' : 'FAILED'}  ${title}: ${passed} passed, ${failed} failed${skips} (${seconds(start)})`,
    )
  }
  console.log(`\n${lines.join('\n')}\n`)
  return total
}

async function test() {
  const { unit, browser, help } = readOptions()
  if (help) return process.stdout.write(usage)
  const all = unit === browser
  const chosen = steps.filter(({ group }) => all || (group === 'unit' ? unit : browser))
  await installPackages()
  console.log(await installPrograms(all ? ['unit', 'browser'] : unit ? ['unit'] : ['browser']))
  if (all || browser) {
    for (const { name, path } of await installBrowsers()) console.log(`Using ${name}: ${path}`)
  }
  return runSteps(chosen)
}

try {
  const total = await test()
  if (typeof total === 'object') {
    console.log(`${total.passed} passed, ${total.failed} failed`)
    if (total.failed > 0) process.exitCode = 1
  }
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error)
  console.log('0 passed, 1 failed')
  process.exitCode = 1
} finally {
  rmSync(reports, { recursive: true, force: true })
}
