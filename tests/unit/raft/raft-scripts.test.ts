import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { diffLines } from '../../conformance/scripts/diff.ts'
import { findScripts, runScript } from '../../conformance/scripts/run.ts'

/** The reference data lies beside the project, and is not part of it. */
const ETCD = path.resolve(import.meta.dirname, '../../../../shared/data/etcd-raft')
/**
 * Conversations that etcd's own scripts do not hold, in their language. What they expect was taken from this engine and then
 * checked line by line against etcd's rules: they hold on to it.
 */
const OWN = path.resolve(import.meta.dirname, '../../conformance/own')

function replay(directory: string): void {
  test.each(findScripts(directory).map(file => path.relative(directory, file)))('%s', file => {
    const { cases } = runScript(path.join(directory, file), { ignoreLog: false })
    const failures = cases.filter(({ passed }) => !passed)
    const shown = failures.map(
      ({ directive, actual }) => `line ${directive.line}:\n${diffLines(directive.expected, actual)}`,
    )
    expect(shown.join('\n\n')).toBe('')
  })
}

describe('etcd’s raft scripts', () => {
  if (existsSync(ETCD)) replay(ETCD)
  else test.skip(`skipped: there is no reference data in ${ETCD}`, () => {})
})

describe('own scripts', () => replay(OWN))
