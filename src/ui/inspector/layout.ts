/** Where members stand in the picture: on rings, and none over another's caption, however many there are and however narrow it is. */
export interface Arrangement {
  readonly height: number
  readonly seats: readonly Seat[]
  /** Those they stand on. */
  readonly rings: readonly (Ellipse & Point)[]
}

export interface Seat {
  readonly member: number
  /** Of the middle of flag and caption together. */
  readonly x: number
  readonly y: number
  readonly caption: CaptionKind
}

/** `name`: the ship's name and how it stands. `number`: the member's place in the table, where names would not fit. */
export type CaptionKind = keyof typeof seatSizes

export interface SeatedMember {
  readonly member: number
  readonly votes: boolean
}

export interface Ellipse {
  readonly rx: number
  readonly ry: number
}

/** A flag with its caption, in pixels; `flagY`: from the top to the middle of the flag. */
export const seatSizes = {
  name: { width: 92, height: 88, flag: 36, flagY: 24 },
  number: { width: 30, height: 40, flag: 22, flagY: 15 },
} as const

interface Size {
  readonly width: number
  readonly height: number
}

interface Point {
  readonly x: number
  readonly y: number
}

interface Ring {
  readonly members: readonly SeatedMember[]
  readonly ellipse: Ellipse
  readonly caption: CaptionKind
}

/** Rings longer than this do not look like rings. */
const aspectMax = 1.6
const wide = 560
const namedHeightMax = 480
const numberedHeightMin = 420
const numberedHeightMax = 580
const step = 6
const ringsMax = 4

/** Members in the order they are to stand in, clockwise from the top. */
export function arrange(members: readonly SeatedMember[], width: number): Arrangement {
  return named(members, width) ?? numbered(members, width)
}

/** One ring of names, if one that fits holds them all. */
function named(members: readonly SeatedMember[], width: number): Arrangement | null {
  const { name } = seatSizes
  const rxMax = (width - name.width) / 2
  if (members.length <= 2) {
    const rx = members.length === 1 ? 0 : Math.min(rxMax, 1.3 * name.width)
    return seated([{ members, ellipse: { rx, ry: 0 }, caption: 'name' }], { width, height: 1.5 * name.height })
  }
  for (let ry = width < wide ? 84 : 108; 2 * ry + name.height <= namedHeightMax; ry += step) {
    const ellipse = { rx: Math.min(rxMax, aspectMax * ry), ry }
    const arrangement = seated([{ members, ellipse, caption: 'name' }], { width, height: 2 * ry + name.height })
    if (arrangement !== null) return arrangement
  }
  return null
}

/** Those who vote in the middle, by name if it holds them; the others around them by number, in as many rings as it takes. */
function numbered(members: readonly SeatedMember[], width: number): Arrangement {
  const voters = members.filter(({ votes }) => votes)
  const others = members.filter(({ votes }) => !votes)
  for (let height = numberedHeightMin; height <= numberedHeightMax; height += 2 * step) {
    const box = { width, height }
    for (let rings = 1; rings <= ringsMax; rings += 1) {
      const arrangement = enclosing(outerRings(others, rings, box), voters, 'name', box)
      if (arrangement !== null) return arrangement
    }
  }
  // Higher than it should be, rather than that two of them touch.
  for (let height = numberedHeightMin; ; height += 10 * step) {
    const box = { width, height }
    for (let rings = 1; rings <= ringsMax; rings += 1) {
      const arrangement =
        enclosing(outerRings(others, rings, box), voters, 'number', box) ?? seated(outerRings(members, rings, box), box)
      if (arrangement !== null) return arrangement
    }
  }
}

/** With those in the middle as far out as they can be, so that they stand apart. */
function enclosing(
  outer: readonly Ring[],
  members: readonly SeatedMember[],
  caption: CaptionKind,
  box: Size,
): Arrangement | null {
  if (seated(outer, box) === null) return null
  const size = seatSizes[caption]
  for (let scale = 1; scale > 0.3; scale -= 0.05) {
    const ellipse = { rx: (scale * (box.width - size.width)) / 2, ry: (scale * (box.height - size.height)) / 2 }
    const inner = { members, ellipse, caption }
    // Further in they would only stand closer.
    if (seated([inner], box) === null) return null
    const arrangement = seated([...outer, inner], box)
    if (arrangement !== null) return arrangement
  }
  return null
}

/** So many rings of numbers, the outermost first; to each as many members as it has room for beside the others. */
function outerRings(members: readonly SeatedMember[], count: number, { width, height }: Size): Ring[] {
  const { number } = seatSizes
  const ellipses = Array.from({ length: count }, (_, ring) => ({
    rx: Math.max(0, (width - number.width) / 2 - 1.3 * ring * number.width),
    ry: Math.max(0, (height - number.height) / 2 - 1.2 * ring * number.height),
  }))
  const total = ellipses.reduce((sum, { rx, ry }) => sum + rx + ry, 0)
  let reach = 0
  let taken = 0
  return ellipses.map(ellipse => {
    const from = taken
    reach += ellipse.rx + ellipse.ry
    taken = Math.round((reach / total) * members.length)
    return { members: members.slice(from, taken), ellipse, caption: 'number' }
  })
}

/** Null if two would touch. */
function seated(rings: readonly Ring[], { width, height }: Size): Arrangement | null {
  const seats = rings.flatMap(({ members, ellipse, caption }) => {
    const points = around(ellipse, members.length)
    return members.map(({ member }, index): Seat => {
      const { x, y } = points[index] ?? { x: 0, y: 0 }
      return { member, x: width / 2 + x, y: height / 2 + y, caption }
    })
  })
  if (!isRoomy(seats)) return null
  const shown = rings.filter(({ members }) => members.length > 1)
  return {
    height,
    seats,
    rings: shown.map(({ ellipse, caption }) => ({ ...ellipse, ...flagOf({ x: width / 2, y: height / 2, caption }) })),
  }
}

/** Where the middle of a seat's flag is. */
export function flagOf({ x, y, caption }: Pick<Seat, 'x' | 'y' | 'caption'>): Point {
  const { height, flagY } = seatSizes[caption]
  return { x, y: y - height / 2 + flagY }
}

/** So many points on an ellipse around 0, clockwise from the top, as far from each other along it as they can be. */
function around({ rx, ry }: Ellipse, count: number): Point[] {
  // Two stand side by side.
  const start = count === 2 ? -Math.PI / 2 : 0
  const samples = 360
  const at = (sample: number): Point => {
    const angle = start + (sample / samples) * 2 * Math.PI
    return { x: rx * Math.sin(angle), y: -ry * Math.cos(angle) }
  }
  const lengths = [0]
  for (let sample = 1; sample <= samples; sample += 1) {
    const [from, to] = [at(sample - 1), at(sample)]
    lengths.push((lengths.at(-1) ?? 0) + Math.hypot(to.x - from.x, to.y - from.y))
  }
  const perimeter = lengths.at(-1) ?? 0
  return Array.from({ length: count }, (_, index) => {
    return at(lengths.findIndex(length => length >= (index / count) * perimeter))
  })
}

function isRoomy(seats: readonly Seat[]): boolean {
  return seats.every((a, index) => seats.slice(index + 1).every(b => !touch(a, b)))
}

function touch(a: Seat, b: Seat): boolean {
  const [one, other] = [seatSizes[a.caption], seatSizes[b.caption]]
  return Math.abs(a.x - b.x) < (one.width + other.width) / 2 && Math.abs(a.y - b.y) < (one.height + other.height) / 2
}
