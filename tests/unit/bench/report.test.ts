import { expect, test } from 'vitest'
import { type Report, toJson, toText } from '../../../bench/report.ts'
import { bestOf } from '../../../bench/stats.ts'

const report: Report = {
  suite: 'tabs',
  environment: { node: 'v20' },
  rows: [
    { load: 'put', flotilla: bestOf('ms', [3, 2]), floor: bestOf('ms', [1]), etcd: null },
    { load: 'commit', flotilla: null, floor: bestOf('ms', [1]), etcd: null },
  ],
  notes: ['etcd: not installed'],
  aims: [{ aim: 'put at most 1.5 x the floor', measured: 2, unit: 'times', met: false }],
}

test('the table has each figure beside its floor, and says of an aim that it was missed', () => {
  const text = toText(report)
  expect(text).toMatch(/^put +2\.00 ms +1\.00 ms +2\.00$/m)
  expect(text).toMatch(/^commit +1\.00 ms$/m)
  expect(text).toMatch(/^put at most 1\.5 x the floor +2\.00 x +missed$/m)
})

test('JSON has every round, its unit and the ratios', () => {
  const { rows } = JSON.parse(toJson(report))
  expect(rows[0]).toMatchObject({ flotilla: { unit: 'ms', value: 2, rounds: [3, 2] }, timesFloor: 2, timesEtcd: null })
})
