import { parseArgs } from 'node:util'
import { diffLines } from './scripts/diff.ts'
import { countOf, findScripts, runScript, type ScriptResult } from './scripts/run.ts'
import { ScriptError } from './scripts/script.ts'

const HELP = `Replays etcd's data-driven raft scripts against this project's raft and compares the output.

  npm run raft-scripts -- [--no-log] DIR...

Every *.txt in the directories and below is a script. Its kind is told by its commands:
  quorum        committed indexes and vote results of majority and joint quorums
  confchange    simple and joint membership changes
  interaction   whole clusters, message by message

Options:
  --no-log      do not compare the lines of the machine's log (DEBUG, INFO, WARN, ERROR)
  --help        this text

Prints each case that fails with a diff (- expected, + actual) and closes with "N passed, N failed": one per case for
quorum and confchange, one per file for interaction, whose cases all build on those before them.
Exit code: 0 all passed, 1 a case failed, 2 nothing could be run.
`

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'no-log': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (positionals.length === 0) throw new ScriptError('no directory given (see --help)')
  let passed = 0
  let failed = 0
  for (const file of positionals.flatMap(findScripts)) {
    const count = runAndPrint(file, values['no-log'])
    passed += count.passed
    failed += count.failed
  }
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function runAndPrint(file: string, ignoreLog: boolean): { passed: number; failed: number } {
  let result: ScriptResult
  try {
    result = runScript(file, { ignoreLog })
  } catch (error) {
    // One file that is no script must not keep the others from being run.
    if (!(error instanceof ScriptError)) throw error
    console.log(`FAILED ${error.message}\n`)
    return { passed: 0, failed: 1 }
  }
  const failures = result.cases.filter(({ passed }) => !passed)
  for (const { directive, actual } of failures) {
    console.log(`FAILED ${file}:${directive.line} ${directive.command}\n${diffLines(directive.expected, actual)}\n`)
  }
  console.log(`${file}: ${result.cases.length - failures.length} of ${result.cases.length}`)
  return countOf(result)
}

try {
  process.exitCode = main()
} catch (error) {
  // A wrong option, a directory without scripts, a script of an unknown kind: nothing that a stack trace would explain.
  const expected = error instanceof ScriptError || (error instanceof TypeError && 'code' in error)
  if (!expected) throw error
  console.error(`raft-scripts: ${error.message}`)
  process.exitCode = 2
}
