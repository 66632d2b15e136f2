import type { Field, Message } from './protocol.ts'

const bytesShownMax = 64
const itemsShownMax = 40

/** A message for people: bytes as text with what is not printable escaped, fields that say nothing left out. */
export function show(field: Field | undefined): string {
  if (field === undefined) return 'nothing'
  if (field === null || typeof field === 'boolean' || typeof field === 'number') return String(field)
  if (typeof field === 'string') return /^-?\d+$/.test(field) ? field : JSON.stringify(field)
  if (field instanceof Uint8Array) return showBytes(field)
  if (Array.isArray(field)) {
    const shown = field.slice(0, itemsShownMax).map(show)
    const rest = field.length - shown.length
    return `[${[...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ')}]`
  }
  return showMessage(field as Message)
}

function showMessage(message: Message): string {
  const fields = Object.entries(message).filter(([, value]) => !saysNothing(value))
  return `{${fields.map(([name, value]) => `${name}: ${show(value)}`).join(', ')}}`
}

function saysNothing(field: Field): boolean {
  if (field instanceof Uint8Array || Array.isArray(field)) return field.length === 0
  return field === null || field === false || field === 0 || field === '0' || field === ''
}

function showBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes.subarray(0, bytesShownMax), byte => {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
    return plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }).join('')
  const rest = bytes.length - bytesShownMax
  return rest > 0 ? `"${text}" and ${rest} bytes more` : `"${text}"`
}
