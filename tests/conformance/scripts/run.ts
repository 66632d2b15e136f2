import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { CONFCHANGE_COMMANDS, runConfChange } from './confchange.ts'
import { INTERACTION_COMMANDS, runInteraction } from './interaction.ts'
import { QUORUM_COMMANDS, runQuorum } from './quorum.ts'
import { type Directive, parseScript, ScriptError } from './script.ts'

interface Kind {
  readonly name: KindName
  readonly commands: ReadonlySet<string>
  /** A fresh run of one file: each of its cases builds on those before it. */
  start(): (directive: Directive) => string
}

export type KindName = 'quorum' | 'confchange' | 'interaction'

const KINDS: readonly Kind[] = [
  { name: 'quorum', commands: QUORUM_COMMANDS, start: runQuorum },
  { name: 'confchange', commands: CONFCHANGE_COMMANDS, start: runConfChange },
  { name: 'interaction', commands: INTERACTION_COMMANDS, start: runInteraction },
]

export interface CaseResult {
  readonly directive: Directive
  readonly actual: string
  readonly passed: boolean
}

export interface ScriptResult {
  readonly kind: KindName
  readonly cases: readonly CaseResult[]
}

/** What counts as one: a case where each stands for itself, and a whole conversation where they build on one another. */
export function countOf({ kind, cases }: ScriptResult): { passed: number; failed: number } {
  const passed = cases.filter(result => result.passed).length
  if (kind !== 'interaction') return { passed, failed: cases.length - passed }
  return passed === cases.length ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

export interface RunOptions {
  /** Compares without the lines of the machine's log. */
  readonly ignoreLog: boolean
}

/** All scripts (`*.txt`) in a directory and below, in order of their paths. Throws `ScriptError` if there are none. */
export function findScripts(directory: string): string[] {
  let names: string[]
  try {
    names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  } catch (error) {
    throw new ScriptError(`cannot read ${directory}: ${error instanceof Error ? error.message : error}`)
  }
  const files = names.filter(name => name.endsWith('.txt')).sort()
  if (files.length === 0) throw new ScriptError(`no scripts (*.txt) in ${directory}`)
  return files.map(name => path.join(directory, name))
}

/** Runs one script. Throws `ScriptError` if it cannot be read or is of no kind known here; a case that fails is a result. */
export function runScript(file: string, options: RunOptions): ScriptResult {
  const directives = parseScript(file, readFileSync(file, 'utf8'))
  const { name, start } = kindOf(file, directives)
  const run = start()
  const filter = options.ignoreLog ? withoutLog : (text: string) => text
  const cases = directives.map((directive): CaseResult => {
    let actual: string
    try {
      actual = run(directive).trimEnd()
    } catch (error) {
      // A broken invariant, or a command the harness does not understand, fails the case and not the whole run.
      actual = `error: ${error instanceof Error ? (error.stack ?? error.message) : error}`
    }
    return { directive, actual, passed: filter(actual) === filter(directive.expected.trimEnd()) }
  })
  return { kind: name, cases }
}

/** By its commands, not by its name: scripts are copied about. */
function kindOf(file: string, directives: readonly Directive[]): Kind {
  const kind = KINDS.find(({ commands }) => directives.some(({ command }) => commands.has(command)))
  if (kind !== undefined) return kind
  throw new ScriptError(`${file}: no command of any kind of script (${KINDS.map(({ name }) => name).join(', ')})`)
}

function withoutLog(text: string): string {
  const lines = text.split('\n').filter(line => !/^ *(DEBUG|INFO|WARN|ERROR) /.test(line))
  const rest = lines.join('\n').trim()
  // A command that printed nothing but its log prints nothing at all without it, and then says so.
  return rest === '' ? 'ok' : rest
}
