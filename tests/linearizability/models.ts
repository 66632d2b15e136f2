import type { SequentialModel } from './model.ts'

/** Values are the text that stands for them in a history; `nil` is that of a register nobody has written to. */
export type RegisterOperation =
  /** A `value` of null: it is not known what was read. */
  | { readonly f: 'read'; readonly value: string | null }
  | { readonly f: 'write'; readonly value: string }
  | { readonly f: 'cas'; readonly from: string; readonly to: string }
  /** A compare-and-set that was answered, and by no: the value was another. */
  | { readonly f: 'refusedCas'; readonly from: string }

/** A register with compare-and-set. */
export const register: SequentialModel<string, RegisterOperation> = {
  initial: 'nil',
  step: (state, operation) => {
    switch (operation.f) {
      case 'read':
        return operation.value === null || operation.value === state ? state : null
      case 'write':
        return operation.value
      case 'cas':
        return operation.from === state ? operation.to : null
      case 'refusedCas':
        return operation.from === state ? null : state
    }
  },
  key: state => state,
  isRead: ({ f }) => f === 'read' || f === 'refusedCas',
  identity: operation => Object.values(operation).join(' '),
}

export type KeyOperation =
  | { readonly f: 'get'; readonly value: string }
  | { readonly f: 'put'; readonly value: string }
  | { readonly f: 'append'; readonly value: string }

/** One key of a key-value store whose values can be appended to; one that was never written reads as the empty string. */
export const keyWithAppend: SequentialModel<string, KeyOperation> = {
  initial: '',
  step: (state, { f, value }) => {
    switch (f) {
      case 'get':
        return value === state ? state : null
      case 'put':
        return value
      case 'append':
        return state + value
    }
  },
  key: state => state,
  isRead: ({ f }) => f === 'get',
  identity: ({ f, value }) => `${f} ${value}`,
}

/**
 * The same for a history in which these values were read, and no others. A value that none of them begins with will not be
 * read, whatever is appended to it; so all of those are one, and the orders of appends that nobody saw are not told apart.
 */
export function keyWithAppendRead(values: readonly string[]): SequentialModel<string, KeyOperation> {
  const read = [...new Set(values)].sort()
  const told = (state: string | null) => (state === null || isPrefix(state, read) ? state : neverRead)
  return {
    ...keyWithAppend,
    step: (state, operation) => {
      if (state === neverRead && operation.f !== 'put') return operation.f === 'append' ? state : null
      return told(keyWithAppend.step(state, operation))
    },
  }
}

/** No character, and so in no value. */
const neverRead = '\uffff'

function isPrefix(text: string, sorted: readonly string[]): boolean {
  if (text === '') return true
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? '') < text) low = middle + 1
    else high = middle
  }
  return sorted[low]?.startsWith(text) ?? false
}
