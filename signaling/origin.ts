/** An entry of the list that stands for every origin, and one for the origin that this server itself is seen under. */
export const anyOrigin = '*'
export const sameOrigin = 'same'

/**
 * Whether a page of this origin may connect. It keeps other sites from using the server through their visitors' browsers, which
 * always tell the truth here; other programs can claim what they like, against them there are tickets.
 */
export function originIsAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (allowed.includes(anyOrigin)) return true
  if (origin === undefined) return false
  if (allowed.includes(origin.toLowerCase())) return true
  return allowed.includes(sameOrigin) && URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}
