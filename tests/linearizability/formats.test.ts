import { describe, expect, test } from 'vitest'
import { judge } from './files.ts'
import { parseHistory } from './formats.ts'

const verdict = (text: string) => {
  const history = parseHistory(text, 'given')
  return history === null ? null : judge(history, 10_000).kind
}
const lines = (...written: string[]) => written.join('\n')

describe('register logs', () => {
  const log = (...events: string[]) =>
    lines(...events.map(event => `INFO  jepsen.util - ${event.replaceAll(' ', '\t')}`))

  test('a compare-and-set that failed with its values was answered: the value was another', () => {
    const failed = (to: string) =>
      log('0 :invoke :write 1', '0 :ok :write 1', '1 :invoke :cas [1 2]', `1 :fail :cas ${to}`)
    expect(verdict(failed('[1 2]'))).toBe('not linearizable')
    expect(verdict(failed(':not-found'))).toBe('linearizable')
  })

  test('nil is what one reads before the first write, and not behind it', () => {
    expect(verdict(log('0 :invoke :read nil', '0 :ok :read nil'))).toBe('linearizable')
    const late = log('0 :invoke :write 1', '0 :ok :write 1', '0 :invoke :read nil', '0 :ok :read nil')
    expect(verdict(late)).toBe('not linearizable')
  })

  test('what timed out may have happened, also much later', () => {
    const ended = ':info :write :timed-out'
    const begun = ['0 :invoke :write 1', `0 ${ended}`, '1 :invoke :read nil', '1 :ok :read nil']
    expect(verdict(log(...begun, '1 :invoke :read nil', '1 :ok :read 1'))).toBe('linearizable')
    expect(verdict(log('0 :invoke :read nil', '0 :fail :read :timed-out'))).toBe('linearizable')
  })

  test('layout is nobody’s business: other columns, other lines, a nemesis', () => {
    const text = lines(
      '\uFEFF# from a run',
      'INFO  jepsen.core - Run complete',
      '',
      'INFO [2015-01-01 00:00:00,000] worker 0 - jepsen.util   :nemesis   :info :start   "Cut off {:n1 #{:n2}}"',
      '  0 :invoke   :write  1\r',
      'WARN  jepsen.util - 0   :ok  :write  1  ; took long',
      'INFO  jepsen.util - 1   :invoke :read   nil',
    )
    expect(verdict(text)).toBe('linearizable')
  })

  test.each([
    ['0 :ok :write 1', 'given:1: process 0 has not invoked anything'],
    [lines('0 :invoke :write 1', '0 :invoke :read nil'), 'given:2: process 0 has not heard of line 1 yet'],
    [lines('0 :invoke :write 1', '0 :ok :read 1'), 'given:2: :read answers the :write of line 1'],
    [lines('0 :invoke :write 1', '0 :ok :write 2'), 'given:2: 2 answers 1'],
    [lines('0 :invoke :write 1', '0 :info'), 'given:2: no event: 0 :info'],
    [lines('0 :invoke :write 1', 'and then?'), 'given:2: no event: and then?'],
    ['0 :invoke :cas 1', 'given:1: :cas takes [old new], not 1'],
    ['0 :invoke :enqueue 1', 'given:1: unknown operation :enqueue on a register'],
  ])('what makes no sense is named with its line: %j', (text, message) => {
    expect(() => parseHistory(text, 'given')).toThrow(message)
  })
})

describe('EDN histories', () => {
  test('of a register: what failed did not happen, and a read of nil saw who knows what', () => {
    const read = '{:process 1 :type :invoke :f :read :value nil} {:process 1 :type :ok :f :read :value VALUE}'
    const failed = `[{:process 0 :type :invoke :f :write :value 3} {:process 0 :type :fail :f :write :value 3} ${read}]`
    expect(verdict(failed.replace('VALUE', '3'))).toBe('not linearizable')
    expect(verdict(failed.replace('VALUE', 'nil'))).toBe('linearizable')
    const refused =
      '[{:process 0 :type :invoke :f :cas :value [nil 1]} {:process 0 :type :fail :f :cas :value [nil 1]}]'
    expect(verdict(refused)).toBe('linearizable')
    expect(verdict(failed.replace(':fail', ':info').replace('VALUE', '3'))).toBe('linearizable')
  })

  test('layout is nobody’s business: lists, tags, comments, order of keys, keys nobody asked for', () => {
    const text = lines(
      '; a comment, ;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;',
      '#jepsen.history.Op{:value 3, :f :write',
      '  :type :invoke :f2 {:deep [#inst "2015-01-01" \\a #{1 2}]}',
      '  :process 0, :time 12.5}',
      '#_{:process 9 :type :ok :f :nothing}',
      '{:process :nemesis, :type :info, :f :start, :value nil}',
      '{:type :ok :process 0 :f :write :value +3N :error "a \\"string\\" \\u0041\\n"}',
      '^{:meta true} {:process 0 :type :invoke :f :read}',
      '{:process 0 :type :ok :f :read :value 3}',
    )
    expect(verdict(text)).toBe('linearizable')
    expect(verdict(`(${text})`)).toBe('linearizable')
    expect(verdict(text.replace(':f :read :value 3', ':f :read :value 4'))).toBe('not linearizable')
  })

  test('of keys: each by itself, and a bad one is named', () => {
    const call = (f: string, key: string, asked: string, answered: string) =>
      `{:process 0, :type :invoke, :f ${f}, :key "${key}", :value ${asked}}\n{:process 0, :type :ok, :f ${f}, :key "${key}", :value ${answered}}`
    const good = [call(':append', 'a', '"x"', '"x"'), call(':put', 'b', '"y"', '"y"'), call(':get', 'a', 'nil', '"x"')]
    expect(verdict(lines(...good))).toBe('linearizable')
    const bad = parseHistory(lines(...good, call(':get', 'b', 'nil', '"x"')), 'given')
    if (bad === null) throw new Error('it is a history')
    const { kind, why } = judge(bad, 10_000)
    expect(kind).toBe('not linearizable')
    expect(why.slice(0, 2)).toEqual([
      'key "b"',
      'no order explains what returned up to line 8: process 0, lines 7 to 8: {"f":"get","key":"\\"b\\"","value":"x"}',
    ])
  })

  test.each([
    ['[{:process 0 :type :invoke :f :write :value 1}', 'given:1: the file ends within a form'],
    ['[\n{:process 0 :type :invoke)', 'given:2: ) where } was due'],
    ['[{:process 0 :process 0}]', 'given:1: :process twice in a map'],
    ['[{:process 0\n:type}]', 'given:1: a key without a value'],
    ['[\n\n{:process 0 :type :maybe :f :read}]', 'given:3: unknown :type :maybe'],
    ['[{:process 0 :type :invoke}]', 'given:1: an event without :f'],
    ['[1]', 'given:1: no event: 1'],
    ['{:process 0 :type :invoke :f :get}', 'given:1: an operation without :key'],
    ['{:process 0 :type :invoke :f :put :key "a" :value 1}', 'given:1: a string was due, not 1'],
  ])('what makes no sense is named with its line: %j', (text, message) => {
    expect(() => parseHistory(text, 'given')).toThrow(message)
  })
})

test('a text that is no history is not taken for one', () => {
  expect(parseHistory('How these were made\n\nBy hand.\n', 'given')).toBe(null)
  expect(parseHistory('', 'given')).toBe(null)
})
