import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { FormatError } from './edn.ts'
import { type HistoryFile, parseHistory } from './formats.ts'

/** What the person who gave the paths can put right. */
export class HistoriesError extends Error {
  override readonly name = 'HistoriesError'
}

type Known = 'linearizable' | 'not linearizable'

export interface Judged {
  /** `unknown`: there is no verdict to compare with. `skipped`: it is no history. */
  readonly outcome: 'passed' | 'failed' | 'unknown' | 'skipped'
  readonly line: string
  readonly why: readonly string[]
}

const endings: ReadonlySet<string> = new Set(['.log', '.edn', '.txt'])

/** A file, or all that a directory and those below it hold under the name of a history; in the order of their names. */
export function findHistories(path: string): string[] {
  if (!existsSync(path)) throw new HistoriesError(`there is no ${path}`)
  if (statSync(path).isFile()) return [path]
  const found = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && endings.has(extname(entry.name)))
    .map(entry => join(entry.parentPath, entry.name))
  if (found.length === 0) throw new HistoriesError(`there is no history in ${path}`)
  return found.sort()
}

export function judgeFile(file: string, configurationsMax: number): Judged {
  let known: Known | null
  let history: HistoryFile | null
  const startedMs = performance.now()
  try {
    known = knownVerdict(file)
    history = parseHistory(readFileSync(file, 'utf8'), file)
  } catch (error) {
    // One file that nobody can read must not keep the others from being judged.
    if (!(error instanceof FormatError)) throw error
    return { outcome: 'failed', line: 'not understood', why: [error.message] }
  }
  if (history === null) return { outcome: 'skipped', line: 'no history', why: [] }
  const { kind, why, configurations } = judge(history, configurationsMax)
  const operations = history.parts.reduce((sum, part) => sum + part.operations, 0)
  const tookMs = Math.round(performance.now() - startedMs)
  const line = `${kind}, expected ${known ?? 'nothing'}; ${operations} operations, ${configurations} configurations, ${tookMs} ms`
  if (known === null && kind !== 'undecided') return { outcome: 'unknown', line, why }
  return { outcome: kind === known ? 'passed' : 'failed', line, why }
}

/** One part that is bad makes the whole bad, decided or not what the others are. */
export function judge({ parts }: HistoryFile, configurationsMax: number) {
  let kind: Known | 'undecided' = 'linearizable'
  let configurations = 0
  for (const part of parts) {
    const verdict = part.judge(configurationsMax)
    configurations += verdict.configurations
    if (verdict.kind === 'not linearizable') {
      const { why } = verdict
      return { kind: verdict.kind, configurations, why: parts.length > 1 ? [part.name, ...why] : why }
    }
    if (verdict.kind === 'undecided') kind = 'undecided'
  }
  return { kind, configurations, why: [] }
}

/** What somebody else found, if it is written down. */
export function knownVerdict(file: string): Known | null {
  const table = join(dirname(file), verdictsName)
  if (existsSync(table)) {
    for (const [at, row] of readFileSync(table, 'utf8').split('\n').entries()) {
      if (row.trim() === '' || row.startsWith('#')) continue
      const [name, verdict] = row.trim().split(/\s+/)
      if (name !== basename(file) && name !== basename(file, extname(file))) continue
      const known = verdicts[verdict?.toLowerCase() ?? '']
      if (known === undefined) throw new FormatError(table, at + 1, `unknown verdict ${verdict}`)
      return known
    }
  }
  const name = basename(file, extname(file))
  return verdicts[/-(ok|bad)$/.exec(name)?.[1] ?? ''] ?? verdicts[basename(dirname(resolve(file)))] ?? null
}

const verdictsName = 'VERDICTS.tsv'

const verdicts: Readonly<Record<string, Known>> = {
  linearizable: 'linearizable',
  ok: 'linearizable',
  good: 'linearizable',
  'not-linearizable': 'not linearizable',
  bad: 'not linearizable',
}
