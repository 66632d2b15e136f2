import { expect, test } from 'vitest'
import { pageMetrics } from '../../../src/client/page-metrics.ts'

test('what the page counts is in Prometheus’ text format, each family once', () => {
  const text = pageMetrics(
    { writes: 1, watches: 2, leases: 3 },
    { forged: 4, replayed: 5, misaddressed: 6, flooded: 7 },
  )
  expect(text.endsWith('\n')).toBe(true)
  const lines = text.trimEnd().split('\n')
  expect(lines.filter(line => !line.startsWith('#'))).toEqual([
    'flotilla_page_pending_writes 1',
    'flotilla_page_watches 2',
    'flotilla_page_leases 3',
    'flotilla_envelopes_refused_total{reason="forged"} 4',
    'flotilla_envelopes_refused_total{reason="replayed"} 5',
    'flotilla_envelopes_refused_total{reason="misaddressed"} 6',
    'flotilla_envelopes_refused_total{reason="flooded"} 7',
  ])
  expect(lines.filter(line => line.startsWith('# TYPE'))).toEqual([
    '# TYPE flotilla_page_pending_writes gauge',
    '# TYPE flotilla_page_watches gauge',
    '# TYPE flotilla_page_leases gauge',
    '# TYPE flotilla_envelopes_refused_total counter',
  ])
})
