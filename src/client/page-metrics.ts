import type { SealRefusals } from '../net/page/seal.ts'

export interface PageCounts {
  readonly writes: number
  readonly watches: number
  readonly leases: number
}

/** What only the page knows, in Prometheus' text format: goes behind what its worker says. */
export function pageMetrics({ writes, watches, leases }: PageCounts, refused: SealRefusals): string {
  const gauges = [
    ['flotilla_page_pending_writes', 'Writes of this page and its earlier lives not answered yet.', writes],
    ['flotilla_page_watches', 'Watches of this page.', watches],
    ['flotilla_page_leases', 'Leases this page holds.', leases],
  ] as const
  const refusals = Object.entries(refused).map(([reason, value]) => ({ labels: `{reason="${reason}"}`, value }))
  return [
    ...gauges.map(([name, help, value]) => family(name, 'gauge', help, [{ labels: '', value }])),
    family(
      'flotilla_envelopes_refused_total',
      'counter',
      'Envelopes that came over a carrier and did not count.',
      refusals,
    ),
  ].join('')
}

function family(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  samples: readonly { readonly labels: string; readonly value: number }[],
): string {
  const lines = samples.map(({ labels, value }) => `${name}${labels} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}
