/**
 * The format of data-driven test scripts: a command line, input lines, a line `----`, and the expected output up to a blank
 * line. Output that itself contains blank lines stands between two pairs of `----`. Lines that begin with `#` are comments;
 * a command line that ends in a backslash goes on in the next.
 */
export interface Directive {
  readonly file: string
  /** 1-based line of the command. */
  readonly line: number
  readonly command: string
  readonly args: readonly Argument[]
  readonly input: string
  readonly expected: string
}

/** `key`, `key=value` or `key=(value, value)`. */
export interface Argument {
  readonly key: string
  readonly values: readonly string[]
}

export class ScriptError extends Error {
  override readonly name = 'ScriptError'
}

const SEPARATOR = '----'

export function parseScript(file: string, content: string): Directive[] {
  const lines = content.split('\n')
  const directives: Directive[] = []
  let next = 0
  const takeUntil = (end: (line: string) => boolean): string[] => {
    const start = next
    while (next < lines.length && !end(lines[next] ?? '')) next++
    return lines.slice(start, next)
  }
  for (;;) {
    takeUntil(line => line.trim() !== '' && !line.startsWith('#'))
    if (next >= lines.length) return directives
    const line = next + 1
    let command = lines[next++] ?? ''
    while (command.endsWith('\\')) command = command.slice(0, -1) + (lines[next++] ?? '')
    const words = splitWords(command)
    const input = takeUntil(text => text === SEPARATOR)
    if (next >= lines.length) throw new ScriptError(`${file}:${line}: no ${SEPARATOR} after the command`)
    next++
    let expected: string[]
    if (lines[next] === SEPARATOR) {
      next++
      expected = takeUntil(text => text === SEPARATOR)
      next += 2
    } else {
      expected = takeUntil(text => text.trim() === '')
    }
    const [name, ...args] = words
    if (name === undefined) throw new ScriptError(`${file}:${line}: no command`)
    directives.push({
      file,
      line,
      command: name,
      args: args.map(word => parseArgument(word, `${file}:${line}`)),
      input: input.join('\n'),
      expected: expected.join('\n'),
    })
  }
}

/** Words are separated by spaces, but not within parentheses. */
function splitWords(line: string): string[] {
  return line.match(/(?:\([^)]*\)|[^\s(])+/g) ?? []
}

function parseArgument(word: string, where: string): Argument {
  const match = /^([^=]+)(?:=(.*))?$/.exec(word)
  const key = match?.[1]
  if (key === undefined) throw new ScriptError(`${where}: cannot read argument ${word}`)
  const value = match?.[2]
  if (value === undefined) return { key, values: [] }
  if (!value.startsWith('(')) return { key, values: [value] }
  if (!value.endsWith(')')) throw new ScriptError(`${where}: unbalanced parentheses in ${word}`)
  const list = value.slice(1, -1).trim()
  return { key, values: list === '' ? [] : list.split(',').map(item => item.trim()) }
}

/** The values of an argument; undefined if it is not given. */
export function valuesOf(directive: Directive, key: string): readonly string[] | undefined {
  return directive.args.find(argument => argument.key === key)?.values
}

export function numberFrom(value: string | undefined, where: string): number {
  if (value === undefined || !/^\d+$/.test(value))
    throw new ScriptError(`${where}: not a number: ${value ?? 'nothing'}`)
  return Number(value)
}

/** Refuses arguments that the command would otherwise ignore, and so pass by mistake. */
export function onlyArguments(directive: Directive, ...known: readonly string[]): void {
  for (const { key } of directive.args) {
    if (!known.includes(key)) throw new ScriptError(`${directive.command}: unknown argument ${key}`)
  }
}
