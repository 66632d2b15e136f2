import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { configurationsMaxDefault } from './checker.ts'
import { findHistories, judgeFile } from './files.ts'

/** The reference data lies beside the project, and is not part of it. */
const HISTORIES = path.resolve(import.meta.dirname, '../../../shared/data/histories')

describe('published histories get the verdicts that others gave them', () => {
  if (existsSync(HISTORIES)) {
    test.each(findHistories(HISTORIES).map(file => path.relative(HISTORIES, file)))('%s', file => {
      const { outcome, line, why } = judgeFile(path.join(HISTORIES, file), configurationsMaxDefault)
      expect({ outcome, line, why }).toMatchObject({ outcome: 'passed' })
    })
  } else test.skip(`skipped: there is no reference data in ${HISTORIES}`, () => {})
})
