import { parseArgs } from 'node:util'
import { SetupError } from '../scripts/setup.mjs'
import { growthSuite } from './growth.ts'
import { netSuite } from './net.ts'
import { raftSuite } from './raft.ts'
import { type Report, toJson, toText } from './report.ts'
import { storeSuite } from './store.ts'
import type { Suite } from './suite.ts'
import { tabSuite } from './tab.ts'
import { tabsSuite } from './tabs.ts'

const suites: readonly Suite[] = [tabsSuite, tabSuite, netSuite, raftSuite, storeSuite, growthSuite]

const usage = `Measures Flotilla on this machine, each number beside others of the same run.

  npm run bench                       every suite
  npm run bench -- SUITE...           only these:
${suites.map(({ name, about }) => `                                        ${name.padEnd(8)}${about}`).join('\n')}

Options:
  --only PART   only a part of the suite; may be given more than once:
${suites.map(({ name, parts }) => `                  ${name}: ${parts.join(', ')}`).join('\n')}
  --quick       one short round: shows that everything works, its numbers say little
  --json        JSON in place of the table, with all rounds
  --help        this text

Progress goes to stderr, results to stdout. A missed aim is a result: the exit code is 0 unless a load broke (1) or could
not be run (2). The numbers mean most on a machine that does nothing else.
`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const named = positionals.length === 0 ? suites : positionals.map(suiteNamed)
  const known = named.flatMap(({ parts }) => parts)
  for (const part of values.only) if (!known.includes(part)) throw new SetupError(`There is no part "${part}".`)
  const chosen = named.filter(({ parts }) => values.only.length === 0 || parts.some(part => values.only.includes(part)))
  const began = performance.now()
  const reports: Report[] = []
  for (const suite of chosen) {
    const progress = (what: string) => process.stderr.write(`${suite.name}: ${what}\n`)
    reports.push(await suite.run({ quick: values.quick, parts: values.only, progress }))
  }
  process.stdout.write(values.json ? `[${reports.map(toJson).join(',\n')}]\n` : `${reports.map(toText).join('\n\n')}\n`)
  const aims = reports.flatMap(report => report.aims)
  const seconds = Math.round((performance.now() - began) / 1000)
  const closing = `bench: done in ${seconds} s, ${aims.filter(({ met }) => met).length} of ${aims.length} aims met\n`
  // JSON must stay readable by a program.
  if (values.json) process.stderr.write(closing)
  else process.stdout.write(`\n${closing}`)
}

function suiteNamed(name: string): Suite {
  const suite = suites.find(suite => suite.name === name)
  if (suite === undefined) throw new SetupError(`There is no suite "${name}".`)
  return suite
}

try {
  await main()
} catch (error) {
  const isUsage = error instanceof SetupError || (error instanceof TypeError && 'code' in error)
  process.stderr.write(isUsage ? `bench: ${error.message} (see --help)\n` : `bench: a load broke: ${reasonOf(error)}\n`)
  process.exitCode = isUsage ? 2 : 1
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
