import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { diffLines } from '../../conformance/scripts/diff.ts'
import { findScripts, runScript } from '../../conformance/scripts/run.ts'

/** The reference data lies beside the project, and is not part of it. */
const DATA = path.resolve(import.meta.dirname, '../../../../shared/data/etcd-raft')

describe('etcd’s raft scripts', () => {
  if (!existsSync(DATA)) {
    test.skip(`skipped: there is no reference data in ${DATA}`, () => {})
    return
  }
  test.each(findScripts(DATA).map(file => path.relative(DATA, file)))('%s', file => {
    const failures = runScript(path.join(DATA, file), { ignoreLog: false }).cases.filter(({ passed }) => !passed)
    const shown = failures.map(
      ({ directive, actual }) => `line ${directive.line}:\n${diffLines(directive.expected, actual)}`,
    )
    expect(shown.join('\n\n')).toBe('')
  })
})
