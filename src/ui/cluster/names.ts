/**
 * A member's face for people: a ship's name and a signal flag, both drawn from its id, so that every tab shows the same.
 */
export interface Face {
  readonly name: string
  readonly flag: Flag
}

export interface Flag {
  readonly pattern: (typeof patterns)[number]
  readonly ground: string
  readonly figure: string
}

// biome-ignore format: word lists read better in rows
const adjectives = [
  'Amber', 'Bold', 'Brave', 'Bright', 'Calm', 'Clear', 'Copper', 'Coral', 'Crisp', 'Dawn', 'Deep', 'Early',
  'Fair', 'Fleet', 'Gentle', 'Golden', 'Grand', 'High', 'Ivory', 'Jolly', 'Keen', 'Kind', 'Late', 'Lucky',
  'Merry', 'Misty', 'Noble', 'North', 'Quick', 'Quiet', 'Rapid', 'Ready', 'Salty', 'Silver', 'South', 'Steady',
  'Still', 'Sunny', 'Swift', 'True', 'Warm', 'West', 'White', 'Wild', 'Windy', 'Wise', 'Young', 'Zesty',
]
// biome-ignore format: word lists read better in rows
const nouns = [
  'Albatross', 'Auk', 'Avocet', 'Barque', 'Brig', 'Clipper', 'Corvette', 'Cutter', 'Dhow', 'Dory', 'Eider', 'Fulmar',
  'Galley', 'Gannet', 'Grebe', 'Gull', 'Heron', 'Junk', 'Kayak', 'Ketch', 'Loon', 'Lugger', 'Merlin', 'Osprey',
  'Pelican', 'Petrel', 'Pinnace', 'Plover', 'Puffin', 'Schooner', 'Shearwater', 'Skiff', 'Skua', 'Sloop', 'Tern', 'Yawl',
]
const patterns = ['halves', 'bands', 'cross', 'saltire', 'disc', 'border', 'quarters', 'pennant'] as const
/** Ground and figure, both strong against either theme's surface and against each other. */
const colours = [
  ['#d7263d', '#fff4e6'],
  ['#f2b705', '#17324d'],
  ['#1b4fa0', '#fff4e6'],
  ['#1b4fa0', '#f2b705'],
  ['#17825b', '#fff4e6'],
  ['#d7263d', '#f2b705'],
  ['#17324d', '#ef8354'],
  ['#7a3fa0', '#fff4e6'],
] as const

export function faceOf(member: number): Face {
  let bits = mix(member)
  const draw = <T>(from: readonly T[], fallback: T): T => {
    const chosen = from[bits % from.length] ?? fallback
    bits = mix(bits)
    return chosen
  }
  const name = `${draw(adjectives, 'Calm')} ${draw(nouns, 'Gull')}`
  const [ground, figure] = draw<readonly [string, string]>(colours, colours[0])
  return { name, flag: { pattern: draw(patterns, 'halves'), ground, figure } }
}

/** Spreads an id over 32 bits (the finaliser of MurmurHash3), so that near ids get unlike faces. */
function mix(id: number): number {
  let hash = (id ^ Math.floor(id / 2 ** 32)) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
