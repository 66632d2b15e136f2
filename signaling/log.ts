import { type Logger, pino } from 'pino'

/** What the server's parts say to the log: fields first, then a sentence. At `info` and above nothing secret and no full address. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

/** `json`: a line an event, for machines. `plain`: the sentence and what else there is, for a person at a terminal. */
export const logFormats = ['json', 'plain'] as const
export type LogFormat = (typeof logFormats)[number]

/** For who embeds the server and wants none. */
export const noLog: Log = pino({ level: 'silent' })

export function createLog(level: LogLevel, format: LogFormat): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (format === 'json') return pino(options)
  return pino(options, { write: line => process.stdout.write(plainLine(line)) })
}

function plainLine(line: string): string {
  const { level: _level, time: _time, msg, ...fields } = JSON.parse(line)
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  return `${msg}${rest.join('')}\n`
}
