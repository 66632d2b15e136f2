import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { UsageError } from '../../command-line.ts'
import { mutants } from '../mutants/mutants.ts'
import type { MutantsPlan } from './mutants-run.ts'
import type { SeedsPlan } from './seeds-run.ts'

/** What a person asked for on the command line. */
export type Plan =
  | { readonly kind: 'help' }
  | ({ readonly kind: 'seeds' } & SeedsPlan)
  | ({ readonly kind: 'mutants' } & MutantsPlan)
  | ({ readonly kind: 'replay' } & ReplayPlan)

export interface ReplayPlan {
  readonly seed: number
  readonly mutant: string | null
  readonly faultsMax: number | undefined
  readonly untilMs: number | undefined
  readonly trace: boolean
}

const seedsByDefault = 200
/** What a known bug may take at most to be found. */
export const mutantSeedsMax = 500
const workersMax = 256

const options = {
  seeds: { type: 'string' },
  from: { type: 'string' },
  minutes: { type: 'string' },
  workers: { type: 'string' },
  seed: { type: 'string' },
  faults: { type: 'string' },
  until: { type: 'string' },
  trace: { type: 'boolean' },
  mutants: { type: 'boolean' },
  mutant: { type: 'string' },
  help: { type: 'boolean' },
} as const

type Name = keyof typeof options
type Values = { readonly [N in Name]?: string | boolean | undefined }

/** Throws `UsageError`. */
export function readArguments(args: readonly string[]): Plan {
  const values = parse(args)
  if (values.help) return { kind: 'help' }
  if (values.seed !== undefined) {
    refuse(values, ['seeds', 'from', 'minutes', 'workers', 'mutants'], 'goes with many seeds, not with --seed')
    return {
      kind: 'replay',
      seed: whole(values, 'seed') ?? 0,
      mutant: mutantNamed(values.mutant),
      faultsMax: whole(values, 'faults'),
      untilMs: whole(values, 'until'),
      trace: values.trace === true,
    }
  }
  refuse(values, ['faults', 'until', 'trace'], 'goes with --seed')
  const from = whole(values, 'from') ?? 1
  const count = whole(values, 'seeds')
  if (count === 0) throw new UsageError('--seeds must be at least 1')
  const workers = whole(values, 'workers') ?? availableParallelism()
  if (workers < 1 || workers > workersMax) throw new UsageError(`--workers must be from 1 to ${workersMax}`)
  if (values.mutants) {
    refuse(values, ['mutant', 'minutes'], 'does not go with --mutants')
    return { kind: 'mutants', from, count: count ?? mutantSeedsMax, workers }
  }
  const minutes = duration(values)
  const mutant = mutantNamed(values.mutant)
  return { kind: 'seeds', from, count: count ?? (minutes === null ? seedsByDefault : null), minutes, workers, mutant }
}

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) throw new UsageError(error.message.split('\n')[0])
    throw error
  }
}

function refuse(values: Values, names: readonly Name[], why: string): void {
  const found = names.find(name => values[name] !== undefined)
  if (found !== undefined) throw new UsageError(`--${found} ${why}`)
}

function whole(values: Values, name: Name): number | undefined {
  const value = values[name]
  if (value === undefined) return undefined
  const number = Number(value)
  if (typeof value !== 'string' || !/^\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw new UsageError(`--${name} must be a whole number, not ${value === '' ? 'nothing' : value}`)
  }
  return number
}

function duration({ minutes }: Values): number | null {
  if (minutes === undefined) return null
  const number = Number(minutes)
  if (!/^\d+(\.\d+)?$/.test(String(minutes)) || !(number > 0 && number <= minutesMax)) {
    throw new UsageError(`--minutes must be a number from 0 to ${minutesMax}, not ${minutes}`)
  }
  return number
}

/** A week; a timer holds no more than 24 days. */
const minutesMax = 7 * 24 * 60

/** By its name, or by words that occur in no other's. */
function mutantNamed(words: string | boolean | undefined): string | null {
  if (words === undefined) return null
  const exact = mutants.find(({ name }) => name === words)
  if (exact !== undefined) return exact.name
  const [found, ...others] = mutants.filter(({ name }) => name.includes(String(words)))
  if (found === undefined) throw new UsageError(`no mutant is called "${words}": --mutants runs them all by name`)
  if (others.length > 0) throw new UsageError(`"${words}" may be any of ${others.length + 1} mutants`)
  return found.name
}
