import type { Logger } from '../../../src/raft/logger.ts'
import { ScriptError } from './script.ts'

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'none'] as const
export type Level = (typeof LEVELS)[number]

export function levelFrom(text: string | undefined): Level {
  const level = LEVELS.find(name => name === text?.toLowerCase())
  if (level === undefined) throw new ScriptError(`unknown log level ${text}`)
  return level
}

/** What a command prints: its own lines and, from a level on, those of the machine's log. At level `none` nothing at all. */
export class Output implements Logger {
  level: Level = 'debug'
  #lines: string[] = []
  #indent = ''

  print(text: string): void {
    if (this.quiet) return
    for (const line of text.split('\n')) this.#lines.push(this.#indent + line)
  }

  indented(work: () => void): void {
    const outer = this.#indent
    this.#indent += '  '
    try {
      work()
    } finally {
      this.#indent = outer
    }
  }

  /** Everything printed since the last time. */
  take(): string {
    const text = this.#lines.join('\n')
    this.#lines = []
    return text
  }

  get quiet(): boolean {
    return this.level === 'none'
  }

  debug(message: string): void {
    this.#log('debug', message)
  }

  info(message: string): void {
    this.#log('info', message)
  }

  warn(message: string): void {
    this.#log('warn', message)
  }

  error(message: string): void {
    this.#log('error', message)
  }

  #log(level: Level, message: string): void {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(this.level)) this.print(`${level.toUpperCase()} ${message}`)
  }
}
