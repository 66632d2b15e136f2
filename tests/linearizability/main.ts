import { parseArgs } from 'node:util'
import { configurationsMaxDefault } from './checker.ts'
import { findHistories, HistoriesError, judgeFile } from './files.ts'

const help = `Judges whether histories are linearizable, and compares with what is known of them.

  npm run histories -- [--configurations N] [--why] DIR|FILE...

Reads every *.log, *.edn and *.txt in the directories and below:
  register logs      Jepsen's, one event a line; read, write, cas
  register EDN       Knossos's, {:process :type :f :value}; read, write, cas
  key-value EDN      the same with :key; get, put, append; each key by itself

The verdict expected is in a VERDICTS.tsv beside the file (name, tab, "linearizable" or "not-linearizable"), or in the
file's name (-ok, -bad), or in its directory's (good, bad). A file without any is judged and not counted.

Options:
  --configurations N   give up on a part of a history after so many points of the search (default ${configurationsMaxDefault});
                       the verdict is then "undecided", which is never the right one
  --why                say of every bad history where it goes wrong, not only if the verdict was not expected
  --help               this text

Prints a line per file and closes with "N passed, N failed". Exit code: 0 all passed, 1 a verdict was wrong or a file
could not be read, 2 nothing could be run.
`

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      configurations: { type: 'string', default: String(configurationsMaxDefault) },
      why: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const configurationsMax = Number(values.configurations)
  if (!Number.isSafeInteger(configurationsMax) || configurationsMax < 1) {
    throw new HistoriesError(`--configurations takes a whole number above 0, not ${values.configurations}`)
  }
  if (positionals.length === 0) throw new HistoriesError('no directory given (see --help)')
  const files = positionals.flatMap(findHistories)
  const counts = { passed: 0, failed: 0, unknown: 0, skipped: 0 }
  for (const [at, file] of files.entries()) {
    const { outcome, line, why } = judgeFile(file, configurationsMax)
    counts[outcome] += 1
    const loud = outcome === 'failed' ? 'FAILED ' : ''
    console.log(`${loud}${at + 1}/${files.length} ${file}: ${line}`)
    if (values.why || outcome === 'failed') for (const said of why) console.log(`    ${said}`)
  }
  if (counts.skipped > 0) console.log(`${counts.skipped} files are no histories`)
  if (counts.unknown > 0)
    console.log(`${counts.unknown} histories were judged, with nothing known of them to compare with`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return counts.failed === 0 ? 0 : 1
}

try {
  process.exitCode = main()
} catch (error) {
  // A wrong option, or nothing to read: nothing that a stack trace would explain.
  const expected = error instanceof HistoriesError || (error instanceof TypeError && 'code' in error)
  if (!expected) throw error
  console.error(`histories: ${error.message}`)
  process.exitCode = 2
}
