import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Option, type OptionName, options, type Settings } from './options.ts'

/** What was asked for cannot be; the message says in one line what, and what could. */
export class SettingsError extends Error {
  readonly code = 'BAD_SETTING'
}

const table: readonly (readonly [OptionName, Option<unknown>])[] = Object.entries(options).map(([name, option]) => [
  name as OptionName,
  option,
])

/** Flags come before environment variables. Throws SettingsError. */
export function readSettings(flags: readonly string[], environment: NodeJS.ProcessEnv): Settings {
  const given = readFlags(flags)
  const settings = Object.fromEntries(
    table.map(([name, option]) => [name, settingOf(name, option, given, environment)]),
  )
  // Each value was read by the option of its name.
  return settings as Settings
}

/** `--help` alone, in whatever company. */
export function asksForHelp(flags: readonly string[]): boolean {
  return flags.includes('--help') || flags.includes('-h')
}

/** All settings, two lines each. */
export function describeSettings(): string {
  return table.map(([name, option]) => describe(name, option)).join('\n')
}

/** `roomPeersMax`: `--room-peers-max`. A secret's flag names the file that holds it. */
export function flagOf(name: OptionName): string {
  const option: Option<unknown> = options[name]
  return `--${wordsOf(name).join('-')}${option.secret ? '-file' : ''}`
}

/** `roomPeersMax`: `FLOTILLA_ROOM_PEERS_MAX`. */
export function variableOf(name: OptionName): string {
  const option: Option<unknown> = options[name]
  return option.variable ?? ['flotilla', ...wordsOf(name)].join('_').toUpperCase()
}

function describe(name: OptionName, { shape, help, fallback, secret }: Option<unknown>): string {
  const flag = `${flagOf(name)} ${secret ? '<file>' : shape}`
  const variables = secret ? `${variableOf(name)} or ${variableOf(name)}_FILE` : variableOf(name)
  const none = fallback === null || (Array.isArray(fallback) && fallback.length === 0)
  return `  ${flag}\n      ${help} (${variables}${none ? '' : `, default ${fallback}`})`
}

function readFlags(flags: readonly string[]): Record<string, string | undefined> {
  const config = Object.fromEntries(table.map(([name]) => [flagOf(name).slice(2), { type: 'string' as const }]))
  try {
    return parseArgs({ args: [...flags], options: config, allowPositionals: false }).values
  } catch (error) {
    throw new SettingsError(`${error instanceof Error ? error.message : error} (--help lists the options)`)
  }
}

function settingOf(
  name: OptionName,
  option: Option<unknown>,
  flags: Record<string, string | undefined>,
  environment: NodeJS.ProcessEnv,
): unknown {
  const found = option.secret
    ? secretOf(name, flags, environment)
    : textOf(flagOf(name), variableOf(name), flags, environment)
  if (found === null) return option.fallback
  const { source, text } = found
  const read = option.read(text)
  if (typeof read !== 'string') return read.value
  throw new SettingsError(`${source}${option.secret ? '' : ` is "${text}"`}: ${read} (--help lists the options)`)
}

interface Found {
  /** Where it was said. */
  readonly source: string
  readonly text: string
}

function textOf(
  flag: string,
  variable: string,
  flags: Record<string, string | undefined>,
  environment: NodeJS.ProcessEnv,
): Found | null {
  const fromFlag = flags[flag.slice(2)]
  if (fromFlag !== undefined) return { source: flag, text: fromFlag }
  const fromEnvironment = environment[variable]
  // Empty is how a variable is unset where it cannot be taken away.
  return fromEnvironment === undefined || fromEnvironment === '' ? null : { source: variable, text: fromEnvironment }
}

function secretOf(
  name: OptionName,
  flags: Record<string, string | undefined>,
  environment: NodeJS.ProcessEnv,
): Found | null {
  const file = textOf(flagOf(name), `${variableOf(name)}_FILE`, flags, environment)
  if (file === null) return textOf('', variableOf(name), {}, environment)
  try {
    return { source: file.text, text: readFileSync(file.text, 'utf8').trim() }
  } catch (error) {
    throw new SettingsError(`${file.source}: ${error instanceof Error ? error.message : error}`)
  }
}

function wordsOf(name: string): string[] {
  return name.split(/(?=[A-Z])/).map(word => word.toLowerCase())
}
