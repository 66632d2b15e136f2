import type { Figure, Unit } from './stats.ts'

export interface Row {
  readonly load: string
  /** Null in a row of the floor alone. */
  readonly flotilla: Figure | null
  /** What the same takes without any of our code; null where that would be no fair question. */
  readonly floor: Figure | null
  /** Null where etcd was not measured. */
  readonly etcd: Figure | null
}

export interface Aim {
  readonly aim: string
  readonly measured: number
  readonly unit: Unit | 'times'
  readonly met: boolean
}

export interface Report {
  readonly suite: string
  /** The machine and the programs, one fact each. */
  readonly environment: Readonly<Record<string, string | number>>
  readonly rows: readonly Row[]
  /** What the numbers mean that a reader could take for something else. */
  readonly notes: readonly string[]
  readonly aims: readonly Aim[]
}

/** How many times the other: less is better for times, more for rates. */
export function ratio(figure: Figure | null, other: Figure | null): number | null {
  return figure === null || other === null ? null : figure.value / other.value
}

export function toJson(report: Report): string {
  const rows = report.rows.map(row => ({
    ...row,
    timesFloor: ratio(row.flotilla, row.floor),
    timesEtcd: ratio(row.flotilla, row.etcd),
  }))
  return JSON.stringify({ ...report, rows }, null, 2)
}

export function toText({ suite, environment, rows, notes, aims }: Report): string {
  const facts = Object.entries(environment).map(([name, value]) => `${name} ${value}`)
  const header = [suite, 'Flotilla', 'floor', 'x floor', 'etcd', 'x etcd']
  const table = rows.map(({ load, flotilla, floor, etcd }) => [
    load,
    show(flotilla),
    show(floor),
    ratio(flotilla, floor)?.toFixed(2) ?? '',
    show(etcd),
    ratio(flotilla, etcd)?.toFixed(2) ?? '',
  ])
  const aimed = aims.map(({ aim, measured, unit, met }) => [aim, format(measured, unit), met ? 'met' : 'missed'])
  const parts = [facts.join(', '), align([header, ...table]), notes.join('\n'), align(aimed)]
  return parts.filter(part => part !== '').join('\n\n')
}

function show(figure: Figure | null): string {
  return figure === null ? '' : format(figure.value, figure.unit)
}

export function format(value: number, unit: Unit | 'times'): string {
  switch (unit) {
    case 'ms':
      return `${value < 100 ? value.toFixed(2) : value.toFixed(0)} ms`
    case 'µs':
      return `${value < 100 ? value.toFixed(2) : value.toFixed(0)} µs`
    case 'writes/s':
    case 'entries/s':
    case 'frames/s':
    case 'messages/s':
      return `${Math.round(value).toLocaleString('en')} /s`
    case 'MB/s':
      return `${value.toFixed(1)} MB/s`
    case 'bytes':
      return `${(value / 1024).toFixed(1)} KiB`
    case 'bytes/entry':
      return `${value.toFixed(0)} B`
    case 'frames':
      return `${value.toFixed(1)} frames`
    case 'links':
      return `${value}`
    case 'times':
      return `${value.toFixed(2)} x`
  }
}

/** Columns: the first to the left, the others to the right. */
function align(lines: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const cells of lines) {
    for (const [at, cell] of cells.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  return lines
    .map(cells => cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))))
    .map(cells => cells.join('  ').trimEnd())
    .join('\n')
}
