import type { Failure } from '../run.ts'
import { faultsIn, operationsIn } from '../statistics.ts'
import type { Verdict } from './mutants-run.ts'
import type { Summary } from './seeds-run.ts'
import type { Prefix } from './shrink.ts'

/** Lines for a person: how many seeds are done, what failed and how to see it again, what all of it was. */

/** `count` and `minutes` as planned; null is as many, or as long, as it takes. */
export function progressLine(soFar: Summary, plan: { count: number | null; minutes: number | null }): string {
  const { done, statistics, elapsedMs } = soFar
  const parts = [
    `${grouped(done)}${plan.count === null ? '' : `/${grouped(plan.count)}`} seeds`,
    `${hours(statistics.simulatedMs)} h simulated`,
    `${grouped(faultsIn(statistics))} faults`,
    `${grouped(operationsIn(statistics))} operations`,
    `${rate(soFar)} seeds/s`,
  ]
  const bySeeds = plan.count === null ? Number.POSITIVE_INFINITY : (elapsedMs / done) * (plan.count - done)
  const byTime = plan.minutes === null ? Number.POSITIVE_INFINITY : plan.minutes * 60_000 - elapsedMs
  return `${parts.join(', ')}, ${duration(Math.min(bySeeds, byTime))} left`
}

export function failureLines(seed: number, { message, atMs }: Failure, mutant: string | null): string {
  return `seed ${seed} failed at ${seconds(atMs)} s: ${message}\n  ${replay(seed, mutant)}`
}

export function prefixLine(seed: number, { faultsMax, untilMs }: Prefix, mutant: string | null): string {
  const faults =
    faultsMax === 0 ? 'without faults' : `with its first ${faultsMax === 1 ? 'fault' : `${faultsMax} faults`} alone`
  const command = replay(seed, mutant, `--faults ${faultsMax} --until ${untilMs}`)
  return `seed ${seed} fails ${faults}, its clients resting after ${seconds(untilMs)} s:\n  ${command}`
}

export function summaryLines(summary: Summary): string {
  const { done, failed, statistics: total, elapsedMs } = summary
  const faults = Object.entries(total.faults).sort(([, a], [, b]) => b - a)
  return [
    `${grouped(done)} seeds in ${duration(elapsedMs)}, ${rate(summary)} seeds/s, ${hours(total.simulatedMs)} simulated hours, ${hours(total.sleptMs)} more asleep`,
    `${grouped(faultsIn(total))} faults: ${faults.map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ')}`,
    `${grouped(operationsIn(total))} operations: ${grouped(total.acknowledged)} writes (${grouped(total.transactions)} of them ` +
      `transactions), ${grouped(total.reads)} reads; ${grouped(total.locks)} locks taken; ` +
      `${grouped(total.events)} events to watches`,
    `${grouped(total.messages)} messages, ${grouped(total.entries)} log entries, ${grouped(total.elections)} elections, ` +
      `${grouped(total.snapshotsInstalled)} snapshots installed`,
    `${grouped(total.repeatedWrites)} writes repeated, ${grouped(total.leasesEnded)} leases ended, ` +
      `${grouped(total.historiesUndecided)} histories not decided as a whole`,
    ...(failed.length > 0 ? [`failed: ${failed.join(', ')}`] : []),
  ].join('\n')
}

/** Some messages show whole values; that a mutant was caught is said in less. */
const messageCharsMax = 150

export function verdictLine({ mutant, seeds, caught }: Verdict): string {
  if (caught === null) return `NOT caught in ${seeds} seeds: ${mutant}`
  const { seed, failure } = caught
  const [what = ''] = failure.message.split('\n')
  return `${String(seeds).padStart(4)} ${seeds === 1 ? 'seed ' : 'seeds'}  ${mutant}\n            seed ${seed}: ${what.slice(0, messageCharsMax)}`
}

function replay(seed: number, mutant: string | null, more = ''): string {
  const parts = [`npm run sim -- --seed ${seed}`, more, mutant === null ? '' : `--mutant '${mutant}'`, '--trace']
  return parts.filter(part => part !== '').join(' ')
}

function rate({ done, elapsedMs }: Summary): string {
  return ((done * 1_000) / elapsedMs).toFixed(1)
}

function hours(ms: number): string {
  return (ms / 3_600_000).toFixed(ms < 360_000_000 ? 2 : 0)
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}

function duration(ms: number): string {
  const wholeSeconds = Math.ceil(ms / 1_000)
  if (wholeSeconds < 120) return `${wholeSeconds} s`
  const minutes = Math.round(wholeSeconds / 60)
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}
