import { type Form, FormatError, nameOf, readForms } from './edn.ts'
import { type KeyOperation, keyWithAppendRead, type RegisterOperation, register } from './models.ts'
import { type Part, partOf } from './parts.ts'
import { type Event, type Meaning, recordCalls } from './recorder.ts'

/** The histories that can be read. The two of registers differ in what a refusal says and in what a read of nil does. */
export type Kind = 'register log' | 'register' | 'keys'

export interface HistoryFile {
  readonly kind: Kind
  /** Each must be linearizable, and then the whole is (M. Herlihy and J. Wing, 1990: linearizability is local). */
  readonly parts: readonly Part[]
}

/** Reads a history, or returns null if the text is none. Throws `FormatError` for one it does not understand. */
export function parseHistory(text: string, file: string): HistoryFile | null {
  const written = text.replace(/^\uFEFF/, '')
  if (!startsForm.test(firstWords(written))) {
    if (!written.split('\n').some(line => marked.test(line))) return null
    const calls = recordCalls(readLog(written, file), file, registerMeaning(file, 'register log'))
    return { kind: 'register log', parts: [partOf('register', register, calls)] }
  }
  const events = readEvents(written, file)
  if (!events.some(({ f }) => keyOperations.has(f))) {
    return {
      kind: 'register',
      parts: [partOf('register', register, recordCalls(events, file, registerMeaning(file, 'register')))],
    }
  }
  const calls = recordCalls(events, file, keyMeaning(file))
  const byKey = new Map<string, typeof calls>()
  for (const call of calls) {
    const ofKey = byKey.get(call.operation.key)
    if (ofKey === undefined) byKey.set(call.operation.key, [call])
    else ofKey.push(call)
  }
  const parts = [...byKey].map(([key, ofKey]) => {
    const read = ofKey.flatMap(({ operation: { f, value } }) => (f === 'get' ? [value] : []))
    return partOf(`key ${key}`, keyWithAppendRead(read), ofKey)
  })
  return { kind: 'keys', parts }
}

/** The first line that says something. */
function firstWords(text: string): string {
  return text.split('\n').find(line => /^[\s,]*[^\s,;]/.test(line)) ?? ''
}

/** A bracket, or a tag; as against a comment in a log. */
const startsForm = /^[\s,]*([[({]|#[^\s#])/
/** A line of Jepsen's log, whatever its logger wrote before: `INFO  jepsen.util - 3	:invoke	:write	4`. */
const loggedEvent = /^(?:.*?\s)?(-?\d+|:[\w-]+)\s+:(invoke|ok|fail|info)\s+(:[\w-]+)\s+(\S.*)$/
/** A line that must be an event. */
const marked = /\s:(invoke|ok|fail|info)(\s|$)/
/** What else a log may hold. */
const passedOver = /^\s*($|[;#]|(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b)/

function readLog(text: string, file: string): Event[] {
  const events: Event[] = []
  for (const [at, written] of text.split('\n').entries()) {
    const line = at + 1
    const comment = /^\s*[;#]/.test(written)
    const [, process, type, f, rest] = (comment ? null : loggedEvent.exec(written.trimEnd())) ?? []
    if (process !== undefined && type !== undefined && f !== undefined && rest !== undefined) {
      const [value] = process.startsWith(':') ? [nil(line)] : readForms(rest, file, line)
      if (value === undefined) throw new FormatError(file, line, 'an event without a value')
      events.push({ process, type: eventType(type), f, value, key: null, line })
    } else if (!passedOver.test(written) || (!comment && marked.test(written))) {
      throw new FormatError(file, line, `no event: ${written.trim()}`)
    }
  }
  return events
}

function nil(line: number): Form {
  return { kind: 'atom', text: 'nil', line }
}

function eventType(text: string): Event['type'] {
  if (text === 'invoke' || text === 'ok' || text === 'fail') return text
  return 'info'
}

/** Maps, in a vector or a list or one after the other. */
function readEvents(text: string, file: string): Event[] {
  const forms = readForms(text, file).flatMap(form => (form.kind === 'list' ? form.items : [form]))
  return forms.map(form => {
    const { line } = form
    if (form.kind !== 'map') throw new FormatError(file, line, `no event: ${nameOf(form)}`)
    const read = (name: string) => {
      const value = form.entries.get(name)
      if (value === undefined) throw new FormatError(file, line, `an event without ${name}`)
      return value
    }
    const type = nameOf(read(':type'))
    if (![':invoke', ':ok', ':fail', ':info'].includes(type)) throw new FormatError(file, line, `unknown :type ${type}`)
    return {
      process: nameOf(read(':process')),
      type: eventType(type.slice(1)),
      f: nameOf(read(':f')),
      value: form.entries.get(':value') ?? nil(line),
      key: form.entries.get(':key') ?? null,
      line,
    }
  })
}

/**
 * What an operation on a register means. In a register's log (etcd's clients wrote it) a compare-and-set that failed with its
 * own values is an answer: the value was another; and nil is what one reads before the first write. In an EDN history
 * (Knossos's) an operation that failed did not happen, and of a read of nil it is not known what it saw.
 */
function registerMeaning(file: string, kind: 'register log' | 'register'): Meaning<RegisterOperation> {
  return (invocation, answer, ending) => {
    switch (invocation.f) {
      case ':read': {
        if (answer === null || ending !== 'ok') return null
        const value = nameOf(answer.value)
        return { f: 'read', value: kind === 'register' && value === 'nil' ? null : value }
      }
      case ':write': {
        const value = nameOf(invocation.value)
        if (ending === 'ok') sameValue(invocation, answer, file)
        return ending === 'fail' ? null : { f: 'write', value }
      }
      case ':cas': {
        const [from, to, ...more] = invocation.value.kind === 'list' ? invocation.value.items : []
        if (from === undefined || to === undefined || more.length > 0) {
          throw new FormatError(file, invocation.line, `:cas takes [old new], not ${nameOf(invocation.value)}`)
        }
        if (ending === 'fail') {
          const isAnswer = kind === 'register log' && answer?.value.kind === 'list'
          return isAnswer ? { f: 'refusedCas', from: nameOf(from) } : null
        }
        if (ending === 'ok') sameValue(invocation, answer, file)
        return { f: 'cas', from: nameOf(from), to: nameOf(to) }
      }
      default:
        throw new FormatError(file, invocation.line, `unknown operation ${invocation.f} on a register`)
    }
  }
}

const keyOperations: ReadonlySet<string> = new Set([':get', ':put', ':append'])

function keyMeaning(file: string): Meaning<KeyOperation & { readonly key: string }> {
  return (invocation, answer, ending) => {
    const key = invocation.key === null ? null : nameOf(invocation.key)
    if (key === null) throw new FormatError(file, invocation.line, 'an operation without :key')
    if (answer?.key && nameOf(answer.key) !== key)
      throw new FormatError(file, answer.line, `the answer is of another key`)
    switch (invocation.f) {
      case ':get':
        return answer === null || ending !== 'ok' ? null : { f: 'get', key, value: content(answer.value, file) }
      case ':put':
      case ':append':
        if (ending === 'ok') sameValue(invocation, answer, file)
        if (ending === 'fail') return null
        return { f: invocation.f === ':put' ? 'put' : 'append', key, value: content(invocation.value, file) }
      default:
        throw new FormatError(file, invocation.line, `unknown operation ${invocation.f} on a key`)
    }
  }
}

function content(value: Form, file: string): string {
  if (value.kind === 'string') return value.text
  throw new FormatError(file, value.line, `a string was due, not ${nameOf(value)}`)
}

/** An acknowledgement repeats what was asked for, or says nothing. */
function sameValue(invocation: Event, answer: Event | null, file: string): void {
  if (answer === null || nameOf(answer.value) === 'nil' || nameOf(answer.value) === nameOf(invocation.value)) return
  throw new FormatError(file, answer.line, `${nameOf(answer.value)} answers ${nameOf(invocation.value)}`)
}
