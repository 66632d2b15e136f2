/**
 * A reader of EDN (github.com/edn-format/edn), as far as histories need it: what is read is checked for its form, and every
 * form knows its line. Commas, comments, discarded forms and metadata are passed over; a tag is dropped from what it tags.
 */
export type Form =
  | { readonly kind: 'atom'; readonly text: string; readonly line: number }
  | { readonly kind: 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'list'; readonly items: readonly Form[]; readonly line: number }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Form>; readonly line: number }

/** What a file holds that its reader does not understand. */
export class FormatError extends Error {
  override readonly name = 'FormatError'

  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`)
  }
}

/** All forms of a text. `firstLine` is the number of its first line. */
export function readForms(text: string, file: string, firstLine = 1): Form[] {
  const reader = new Reader(text, file, firstLine)
  const forms: Form[] = []
  for (let form = reader.next(); form !== null; form = reader.next()) forms.push(form)
  return forms
}

/** A form as text: equal for equal values, however they are written. */
export function nameOf(form: Form): string {
  switch (form.kind) {
    case 'atom':
      return form.text
    case 'string':
      return JSON.stringify(form.text)
    case 'list':
      return `[${form.items.map(nameOf).join(' ')}]`
    case 'map':
      return `{${[...form.entries].map(([key, value]) => `${key} ${nameOf(value)}`).join(' ')}}`
  }
}

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' }
/** Deeper than any history, and well within the stack. */
const depthMax = 100

class Reader {
  readonly #text: string
  readonly #file: string
  #at = 0
  #line: number
  #depth = 0

  constructor(text: string, file: string, firstLine: number) {
    this.#text = text
    this.#file = file
    this.#line = firstLine
  }

  /** The next form, or null at the end of the text or before a closing bracket. */
  next(): Form | null {
    for (;;) {
      this.#space()
      const line = this.#line
      const first = this.#text[this.#at]
      if (first === undefined) return this.#depth === 0 ? null : this.#fail('the file ends within a form')
      if (first === '"') return { kind: 'string', text: this.#string(), line }
      if (first === '(' || first === '[') return { kind: 'list', items: this.#items(first, 1), line }
      if (first === '{') return this.#map(line)
      if (')]}'.includes(first)) return this.#depth === 0 ? this.#fail(`${first} closes nothing`) : null
      if (first === '^') this.#pass(1)
      else if (first !== '#') return { kind: 'atom', text: this.#atom(), line }
      else if (this.#text[this.#at + 1] === '_') this.#pass(2)
      else if (this.#text[this.#at + 1] === '{') return { kind: 'list', items: this.#items('{', 2), line }
      else this.#atom()
    }
  }

  /** Passes over a mark of that length and the form behind it. */
  #pass(length: number): void {
    this.#at += length
    if (this.next() === null) this.#fail('a form is missing')
  }

  #space(): void {
    for (;;) {
      const char = this.#text[this.#at]
      if (char === ';') while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#at += 1
      else if (char === undefined || !/[\s,\uFEFF]/.test(char)) return
      else {
        if (char === '\n') this.#line += 1
        this.#at += 1
      }
    }
  }

  #atom(): string {
    const start = this.#at
    if (this.#text[start] === '\\') this.#at += 2
    else this.#at += 1
    while (this.#at < this.#text.length && !/[\s,;"()[\]{}]/.test(this.#text[this.#at] ?? '')) this.#at += 1
    return this.#text.slice(start, this.#at).replace(/^\+?(-?\d+)N?$/, '$1')
  }

  #string(): string {
    let text = ''
    for (this.#at += 1; ; this.#at += 1) {
      const char = this.#text[this.#at]
      if (char === undefined) this.#fail('the file ends within a string')
      if (char === '"') break
      if (char === '\n') this.#line += 1
      if (char !== '\\') {
        text += char
        continue
      }
      this.#at += 1
      const escaped = this.#text[this.#at] ?? ''
      const code = escaped === 'u' ? /^[0-9a-fA-F]{4}/.exec(this.#text.slice(this.#at + 1, this.#at + 5)) : null
      if (code !== null) this.#at += 4
      text +=
        code === null
          ? (escapes[escaped] ?? this.#fail(`unknown escape \\${escaped}`))
          : String.fromCharCode(Number.parseInt(code[0], 16))
    }
    this.#at += 1
    return text
  }

  #items(open: string, length: number): Form[] {
    this.#at += length
    this.#depth += 1
    if (this.#depth > depthMax) this.#fail(`more than ${depthMax} brackets deep`)
    const items: Form[] = []
    for (let form = this.next(); form !== null; form = this.next()) items.push(form)
    const close = this.#text[this.#at]
    if (close !== closing[open]) this.#fail(`${close} where ${closing[open]} was due`)
    this.#at += 1
    this.#depth -= 1
    return items
  }

  #map(line: number): Form {
    const items = this.#items('{', 1)
    const entries = new Map<string, Form>()
    for (let i = 0; i < items.length; i += 2) {
      const [key, value] = [items[i], items[i + 1]]
      if (key === undefined || value === undefined) throw new FormatError(this.#file, line, 'a key without a value')
      if (entries.has(nameOf(key))) throw new FormatError(this.#file, key.line, `${nameOf(key)} twice in a map`)
      entries.set(nameOf(key), value)
    }
    return { kind: 'map', entries, line }
  }

  #fail(what: string): never {
    throw new FormatError(this.#file, this.#line, what)
  }
}
