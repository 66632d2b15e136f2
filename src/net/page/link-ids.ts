import type { LinkId } from '../links-protocol.ts'

/**
 * Of the page, not of one mesh: another that takes its place under the same name must not number its attempts again, since
 * to those who knew the first they would be late.
 */
let last: LinkId = 0

export function nextLink(): LinkId {
  return ++last
}
