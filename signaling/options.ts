import { defaultLimits, type Limits } from './limits.ts'
import { logFormats, logLevels } from './log.ts'
import { anyOrigin, sameOrigin } from './origin.ts'

/** A setting: what it may be, and what it is for. Its flag and its environment variable follow from its name. */
export interface Option<Value> {
  /** What stands for the value in `--help`. */
  readonly shape: string
  readonly help: string
  readonly fallback: Value
  /** The environment variable, where it is not FLOTILLA_ and the name. */
  readonly variable?: string
  /** Not on the command line, which everybody on a machine can read, but in the environment or a file. */
  readonly secret?: true
  /** The value, or what it should have been, as in "give a number". */
  read(text: string): { readonly value: Value } | string
}

const portMax = 65_535

function number(fallback: number, min: number, max: number, help: string): Option<number> {
  const read = (text: string) => {
    const value = Number(text)
    const good = /^\d+$/.test(text) && value >= min && value <= max
    return good ? { value } : `give a whole number from ${min} to ${max}`
  }
  return { shape: '<number>', help, fallback, read }
}

function portOrOff(help: string): Option<number | 'off' | null> {
  const port = number(0, 0, portMax, help)
  const read = (text: string) => {
    if (text === 'off') return { value: 'off' as const }
    const given = port.read(text)
    return typeof given === 'string' ? `${given}, or "off"` : given
  }
  return { shape: port.shape, help, fallback: null, read }
}

function choice<Choice extends string>(choices: readonly Choice[], fallback: Choice, help: string): Option<Choice> {
  const read = (text: string) => {
    const value = choices.find(each => each === text)
    return value === undefined ? `give one of ${choices.join(', ')}` : { value }
  }
  return { shape: '<word>', help: `${help}: ${choices.join(', ')}`, fallback, read }
}

/** `expected` says what is right; `null` stands for no value at all. */
function text(shape: string, right: RegExp, expected: string, help: string): Option<string | null> {
  const read = (given: string) => (right.test(given) ? { value: given } : expected)
  return { shape, help, fallback: null, read }
}

/** Entries separated by commas or space. */
function list(
  fallback: readonly string[],
  isRight: (entry: string) => boolean,
  expected: string,
  help: string,
): Option<readonly string[]> {
  const read = (given: string) => {
    const value = given.split(/[\s,]+/).filter(entry => entry !== '')
    // None at all is a mistake: an empty file of keys must not open the server.
    return value.length > 0 && value.every(isRight) ? { value } : expected
  }
  return { shape: '<list>', help, fallback, read }
}

const secret = /^[^\s,]{16,}$/
const secretExpected = 'give 16 characters or more, without space or comma, as "openssl rand -base64 32" makes them'
const turnUrl = /^turns?:[^\s/?@]+(\?transport=(udp|tcp))?$/
const rateMax = 1_000_000_000

function rate(name: keyof Limits, help: string): Option<number> {
  return number(defaultLimits[name], 0, rateMax, `${help}; 0 for no limit`)
}

function bound(name: keyof Limits, help: string): Option<number> {
  return number(defaultLimits[name], 1, rateMax, help)
}

function isOrigin(entry: string): boolean {
  return entry === anyOrigin || entry === sameOrigin || (URL.canParse(entry) && new URL(entry).origin === entry)
}

export const options = {
  port: { ...number(8080, 0, portMax, 'port to listen on; 0 lets the system choose'), variable: 'PORT' },
  host: { ...text('<address>', /^\S+$/, 'give an address', 'address to listen on; all if none'), variable: 'HOST' },
  dir: text('<folder>', /./, 'give a folder', 'a built app to serve as well'),
  metricsPort: portOrOff('where /metrics is, if not beside everything else; "off" for nowhere'),
  origins: list(
    [anyOrigin],
    isOrigin,
    `give origins like https://app.example.org, "${sameOrigin}" or "${anyOrigin}"`,
    `pages of these origins may connect; "${sameOrigin}" for that of this server, "${anyOrigin}" for all`,
  ),
  trustProxy: number(0, 0, 10, 'so many proxies in front add to X-Forwarded-For, and are believed'),
  ticketKey: {
    ...list([], key => secret.test(key), secretExpected, 'who joins needs a ticket signed with one of these keys'),
    secret: true,
  },
  turnUrls: list(
    [],
    url => turnUrl.test(url),
    'give addresses like turn:turn.example.org:3478?transport=udp',
    'TURN servers for which this one gives out credentials',
  ),
  turnSecret: { ...text('<secret>', secret, secretExpected, 'what it shares with them'), secret: true },
  turnTtlSeconds: number(3_600, 60, 86_400, 'how long such credentials are valid'),
  redisUrl: {
    ...text(
      '<url>',
      /^rediss?:\/\/\S+$/,
      'give an address like redis://127.0.0.1:6379',
      'Redis to share rooms through',
    ),
    variable: 'REDIS_URL',
    secret: true,
  },
  peersMax: bound('peersMax', 'peers and relays in all rooms'),
  roomPeersMax: bound('roomPeersMax', 'peers in one room'),
  addressConnectionsMax: rate('addressConnectionsMax', 'connections of one address at a time'),
  addressConnectsPerSecond: rate('addressConnectsPerSecond', 'new connections of one address'),
  addressFramesPerSecond: rate('addressFramesPerSecond', 'frames from one address'),
  addressBytesPerSecond: rate('addressBytesPerSecond', 'bytes from one address'),
  peerFramesPerSecond: rate('peerFramesPerSecond', 'frames from one peer'),
  peerBytesPerSecond: rate('peerBytesPerSecond', 'bytes from one peer'),
  relayFramesPerSecond: rate('relayFramesPerSecond', 'frames from one relay'),
  relayBytesPerSecond: rate('relayBytesPerSecond', 'bytes from one relay'),
  peerBufferBytesMax: bound('peerBufferBytesMax', 'what may wait for a slow peer'),
  relayBufferBytesMax: bound('relayBufferBytesMax', 'what may wait for a slow relay'),
  buffersBytesMax: bound('buffersBytesMax', 'what may wait for all of them'),
  drainSeconds: number(10, 0, 3_600, 'how long everybody has to leave after SIGTERM'),
  logLevel: choice(logLevels, 'info', 'what is logged'),
  logFormat: choice(logFormats, process.stdout.isTTY ? 'plain' : 'json', 'for machines or for people'),
} satisfies Record<string, Option<unknown>>

export type OptionName = keyof typeof options
export type Settings = {
  readonly [Name in OptionName]: (typeof options)[Name] extends Option<infer Value> ? Value : never
}
