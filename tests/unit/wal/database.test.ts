import { expect, test } from 'vitest'
import { databaseName, identityOf } from '../../../src/wal/database.ts'

test('whose log a database is can be read off its name, whatever the cluster is called', () => {
  for (const clusterId of ['0f3a', 'heirs', 'a/b']) {
    const identity = { clusterId, member: Number.MAX_SAFE_INTEGER }
    expect(identityOf(databaseName(identity))).toEqual(identity)
  }
})

test.each([
  '',
  'other',
  'flotilla/0f3a',
  'flotilla/0f3a/',
  'flotilla/0f3a/0',
  'flotilla/0f3a/-1',
  'flotilla/0f3a/1.5',
  'flotilla/0f3a/9007199254740992',
  'flotilla//1',
  'the-flotilla/0f3a/1',
])('a database called "%s" is no log', name => {
  expect(identityOf(name)).toBeNull()
})
