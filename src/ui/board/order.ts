/**
 * Where a thing stands among its siblings, as a string that sorts between its neighbours': inserting or moving writes one
 * key and never renumbers the others.
 *
 * An order is the digits of a fraction in base 62, in ASCII order, and never ends in 0: so there is room on either side.
 */
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const base = digits.length

/**
 * An order between two neighbours, null for an open end. Two tabs that insert at one place at the same time draw different
 * tails (`random` yields numbers in [0, 1)), so that afterwards there is room between those two as well.
 */
export function orderBetween(before: string | null, after: string | null, random: () => number): string {
  // Neighbours with the same order leave no room between them: the new one goes behind.
  const upper = before !== null && after !== null && after <= before ? null : after
  return `${fraction(before, upper)}${digit(Math.floor(random() * base))}${digit(1 + Math.floor(random() * (base - 1)))}`
}

/**
 * An order that puts a thing at position `index` among `siblings` (sorted; without the thing itself).
 * Behind siblings of equal order, where nothing would put it between them.
 */
export function orderAt(siblings: readonly { readonly order: string }[], index: number, random: () => number): string {
  const before = siblings[index - 1]?.order ?? null
  const after = siblings.slice(index).find(sibling => before === null || sibling.order > before)?.order ?? null
  return orderBetween(before, after, random)
}

/** The shortest digits that stay strictly between, whatever is put behind them. */
function fraction(before: string | null, after: string | null): string {
  let prefix = ''
  let upper = after
  for (let place = 0; ; place++) {
    const low = valueAt(before, place) ?? 0
    // Past the end of `after` only if it ended in 0, which is not an order of ours: then there is nothing below it.
    if (upper !== null && place >= upper.length) upper = null
    const high = valueAt(upper, place) ?? base
    if (high - low > 1) return prefix + digit(between(low, high, before === null, upper === null))
    prefix += digit(low)
    // One apart: whatever follows `low` is below `after` from here on.
    if (high > low) upper = null
  }
}

/** At an open end one step is enough, and leaves the most room for the next; inside, the middle is. */
function between(low: number, high: number, openBelow: boolean, openAbove: boolean): number {
  if (openAbove && !openBelow) return low + 1
  if (openBelow && !openAbove) return high - 1
  return Math.floor((low + high) / 2)
}

function valueAt(order: string | null, place: number): number | null {
  const character = order?.[place]
  // Anyone can write anything into the store: a strange character counts as the lowest digit.
  return character === undefined ? null : Math.max(0, digits.indexOf(character))
}

function digit(value: number): string {
  return digits.charAt(value)
}
