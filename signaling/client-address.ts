import type { IncomingMessage } from 'node:http'
import { isIP, isIPv4 } from 'node:net'

type Heard = Pick<IncomingMessage, 'headers'> & { readonly socket: { readonly remoteAddress?: string | undefined } }

/**
 * Where a request comes from. Each of `trustedProxies` in front of this server has appended to `X-Forwarded-For` whom it heard;
 * what stands further left was said by the client and can be anything.
 */
export function clientAddress(request: Heard, trustedProxies: number): string {
  const heard = request.socket.remoteAddress ?? ''
  if (trustedProxies === 0) return bare(heard)
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
  const chain = [...forwarded.map(entry => entry.trim()).filter(entry => entry !== ''), heard]
  const said = bare(chain[Math.max(0, chain.length - 1 - trustedProxies)] ?? heard)
  return isIP(said) === 0 ? bare(heard) : said
}

/** What limits are counted by: an IPv4 address, or the 64 bits that one customer gets of IPv6. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  return `${groupsOf(address).slice(0, 4).join(':')}::/64`
}

/** What a log may say of an address: enough to see where a flood comes from, too little to find a person. */
export function coarseAddress(address: string): string {
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0/24`
  if (isIP(address) === 6) return `${groupsOf(address).slice(0, 3).join(':')}::/48`
  return 'unknown'
}

/** Without brackets, zone, port and what maps IPv4 into IPv6. */
function bare(address: string): string {
  const inBrackets = /^\[(.*)\](:\d+)?$/.exec(address)?.[1] ?? address
  const withoutPort = /^\d+\.\d+\.\d+\.\d+(?=:\d+$)/.exec(inBrackets)?.[0] ?? inBrackets
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutPort)?.[1] ?? withoutPort
  return mapped.replace(/%.*$/, '')
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter(group => group !== '')
  const right = (tail ?? '').split(':').filter(group => group !== '')
  const missing = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right]
  return groups.map(group => group.toLowerCase().replace(/^0+(?=.)/, ''))
}
