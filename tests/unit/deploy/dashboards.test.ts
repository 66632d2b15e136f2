import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { RedisBackplane } from '../../../signaling/redis.ts'
import { SignalingService } from '../../../signaling/service.ts'
import { fsyncBucketsSeconds, Histogram, RoundTrips, renderMetrics } from '../../../src/worker/metrics.ts'
import { aloneStatus } from '../client/fake-host.ts'
import { linkTo } from '../client/fake-link.ts'
import { TestCluster } from '../replica/cluster.ts'

/** What a dashboard asks Prometheus: the metrics, and the labels that it sums by, selects by and names lines after. */
interface Asked {
  readonly metrics: ReadonlySet<string>
  readonly labels: ReadonlySet<string>
}

interface Panel {
  readonly id: number
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

/** Prometheus gives every target these. */
const labelsOfEverything = ['job', 'instance']

const words = new Set(['sum', 'min', 'max', 'count', 'rate', 'increase', 'histogram_quantile', 'vector', 'or', 'by'])

function panelsOf(name: string): readonly Panel[] {
  return JSON.parse(readFileSync(`deploy/grafana/${name}.json`, 'utf8')).panels
}

function askedBy(panels: readonly Panel[]): Asked {
  const metrics = new Set<string>()
  const labels = new Set<string>()
  for (const { expr, legendFormat } of panels.flatMap(({ targets = [] }) => targets)) {
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) labels.add(label)
    for (const [, grouped = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of grouped.split(/,\s*/)) labels.add(label)
    }
    for (const [, label = ''] of expr.matchAll(/[{,](\w+)=~?"/g)) labels.add(label)
    const bare = expr.replaceAll(/\bby \([^)]*\)|\{[^}]*\}|\[[^\]]*\]/g, '')
    for (const [name] of bare.matchAll(/[a-zA-Z_:][\w:]*/g)) if (!words.has(name)) metrics.add(name)
  }
  return { metrics, labels }
}

/** The names of samples in Prometheus' text, and the labels they have. A family without samples counts as well. */
function saidBy(text: string): Asked {
  const metrics = new Set<string>()
  const labels = new Set(labelsOfEverything)
  for (const line of text.split('\n')) {
    const [, family, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? []
    if (family !== undefined) {
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      for (const suffix of suffixes) metrics.add(family + suffix)
    }
    for (const [, label = ''] of line.matchAll(/[{,](\w+)="/g)) labels.add(label)
  }
  return { metrics, labels }
}

function missing(asked: Asked, said: Asked): readonly string[] {
  return [
    ...[...asked.metrics].filter(name => !said.metrics.has(name)),
    ...[...asked.labels].filter(label => !said.labels.has(label)).map(label => `label ${label}`),
  ]
}

describe('the dashboards ask for what there is', () => {
  const services: SignalingService[] = []
  afterAll(() => Promise.all(services.map(service => service.close())))

  /** Of a server that shares rooms, so that nothing is left out. */
  async function serverMetrics(): Promise<Asked> {
    const backplane = new RedisBackplane({
      url: 'redis://127.0.0.1:1',
      roomPeersMax: 1,
      onConnected: () => {},
      onDisconnected: () => {},
    })
    const service = new SignalingService({ backplane })
    services.push(service)
    service.metrics.collectProcess()
    const { registry } = service.metrics
    const said = saidBy(await registry.metrics())
    // What has not been counted yet has no samples, and so no labels in the text.
    const declared = registry.getMetricsAsArray().flatMap(metric => ('labelNames' in metric ? metric.labelNames : []))
    return { metrics: said.metrics, labels: new Set([...said.labels, ...(declared as string[])]) }
  }

  function tabMetrics(): Asked {
    const text = renderMetrics({
      status: { ...aloneStatus, links: [linkTo('peer', [2])] },
      replica: TestCluster.of(1).replica(1).metrics(),
      links: { unreachable: 0, overflowed: 0, misdirected: 0, badFrames: 0, refused: 0 },
      forwarded: 0,
      fsync: new Histogram(fsyncBucketsSeconds),
      roundTrips: new RoundTrips(),
      page: { outboxWrites: 0, unansweredWrites: 0, keptLeases: 0 },
    })
    return saidBy(text)
  }

  test('of the server', async () => {
    const asked = askedBy(panelsOf('server'))
    expect(asked.metrics.size).toBeGreaterThan(20)
    const said = await serverMetrics()
    expect(missing(asked, said)).toEqual([])
    // And the other way round: what the server counts of its own is shown.
    const own = [...said.metrics].filter(name => name.startsWith('flotilla_'))
    expect(own.filter(name => !asked.metrics.has(name))).toEqual([])
  })

  test('of a tab', () => {
    const asked = askedBy(panelsOf('clusters'))
    expect(asked.metrics.size).toBeGreaterThan(30)
    expect(missing(asked, tabMetrics())).toEqual([])
  })

  test('a metric or a label that is not there is noticed', () => {
    const targets = [
      { expr: 'sum by (colour) (rate(flotilla_no_such_total{job="x"}[5m]))', legendFormat: '{{colour}}' },
    ]
    const asked = askedBy([{ id: 1, gridPos: { x: 0, y: 0, w: 1, h: 1 }, targets }])
    expect(missing(asked, tabMetrics())).toEqual(['flotilla_no_such_total', 'label colour'])
  })

  test.each(['server', 'clusters'])('%s: panels have ids of their own and do not overlap', name => {
    const panels = panelsOf(name)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
  })
})
