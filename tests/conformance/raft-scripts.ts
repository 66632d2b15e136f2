import { parseArgs } from 'node:util'
import { diffLines } from './scripts/diff.ts'
import { findScripts, runScript } from './scripts/run.ts'
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

Prints each case that fails with a diff (- expected, + actual) and closes with "N passed, N failed".
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
    const results = runScript(file, { ignoreLog: values['no-log'] })
    const failures = results.filter(result => !result.passed)
    for (const { directive, actual } of failures) {
      console.log(`FAILED ${file}:${directive.line} ${directive.command}\n${diffLines(directive.expected, actual)}\n`)
    }
    passed += results.length - failures.length
    failed += failures.length
    console.log(`${file}: ${results.length - failures.length} of ${results.length}`)
  }
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
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
