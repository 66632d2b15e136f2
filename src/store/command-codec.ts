import { DecodeError, Reader, Writer } from './binary.ts'
import { readSystemRequest, readWriteRequest, writeRequest, writeSystemRequest } from './request-codec.ts'
import type { Command, SystemCommand } from './types.ts'

/**
 * Commands as the payload of log entries: a format byte, the client's 16 bytes, `seq`, `acked`, and the request. What the
 * leader does of its own accord has a format byte of its own and no client. Written by hand, as the log is written and read
 * once for every write of every member.
 */
const FORMAT = 1
const SYSTEM_FORMAT = 2

const CLIENT_ID_BYTES = 16

/** Room for what surrounds the key and value of a plain put; larger requests grow the buffer as they need. */
const COMMAND_OVERHEAD_BYTES = 64

/**
 * Throws `RangeError` for what `Command` does not allow: a client id that is not 32 lower-case hex digits, unsafe integers, a write
 * that acknowledges itself. What can be encoded can be decoded.
 */
export function encodeCommand(command: Command): Uint8Array {
  const { request } = command
  if (command.acked >= command.seq) throw new RangeError('a write acknowledges earlier ones only')
  const body = request.op === 'put' ? request.key.length + request.value.length : COMMAND_OVERHEAD_BYTES
  const writer = new Writer(COMMAND_OVERHEAD_BYTES + body)
  writer.byte(FORMAT)
  writeClientId(writer, command.clientId)
  writer.uint(command.seq)
  writer.uint(command.acked)
  writeRequest(writer, request)
  return writer.finish()
}

/** Throws `RangeError` for integers that `SystemCommand` does not allow, or more than `LEASE_CHECKPOINTS_MAX` checkpoints. */
export function encodeSystemCommand({ request }: SystemCommand): Uint8Array {
  const writer = new Writer(COMMAND_OVERHEAD_BYTES)
  writer.byte(SYSTEM_FORMAT)
  writeSystemRequest(writer, request)
  return writer.finish()
}

/** Keys and values of the result are views of `bytes`. Throws `DecodeError`, and nothing else, for bytes that are no command. */
export function decodeCommand(bytes: Uint8Array): Command | SystemCommand {
  const reader = new Reader(bytes)
  const format = reader.byte()
  if (format !== FORMAT && format !== SYSTEM_FORMAT) throw new DecodeError('unknown command format')
  const command = format === FORMAT ? readClientCommand(reader) : readSystemCommand(reader)
  reader.end()
  return command
}

function readSystemCommand(reader: Reader): SystemCommand {
  return { clientId: null, request: readSystemRequest(reader) }
}

function readClientCommand(reader: Reader): Command {
  const clientId = readClientId(reader)
  const seq = reader.uint()
  const acked = reader.uint()
  if (acked >= seq) throw new DecodeError('acknowledges itself')
  return { clientId, seq, acked, request: readWriteRequest(reader) }
}

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function writeClientId(writer: Writer, clientId: string): void {
  if (clientId.length !== 2 * CLIENT_ID_BYTES) throw notAClientId()
  for (let i = 0; i < clientId.length; i += 2) {
    writer.byte(hexDigit(clientId.charCodeAt(i)) * 16 + hexDigit(clientId.charCodeAt(i + 1)))
  }
}

function hexDigit(charCode: number): number {
  if (charCode >= 0x30 && charCode <= 0x39) return charCode - 0x30
  if (charCode >= 0x61 && charCode <= 0x66) return charCode - 0x61 + 10
  throw notAClientId()
}

function notAClientId(): RangeError {
  return new RangeError('a client id is 32 lower-case hex digits')
}

export function readClientId(reader: Reader): string {
  let clientId = ''
  for (const byte of reader.raw(CLIENT_ID_BYTES)) clientId += HEX_OF_BYTE[byte] ?? ''
  return clientId
}
