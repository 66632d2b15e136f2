import { expect, test } from 'vitest'
import { checkEnvironment, type Environment, sharedMemory } from '../../../src/client/environment.ts'
import { thrownBy } from './fake-host.ts'

const complete = { isSecureContext: true, indexedDB: {}, Worker: class {}, navigator: { locks: {} } }

test('a current browser will do', () => {
  checkEnvironment(complete)
})

test('what is missing is named, by code and in words', () => {
  const cases: [Environment, string, string][] = [
    [{ ...complete, isSecureContext: false, navigator: {} }, 'INSECURE_CONTEXT', 'https'],
    [{ ...complete, Worker: undefined }, 'WORKER_UNAVAILABLE', 'Worker'],
    [{ ...complete, indexedDB: undefined }, 'STORAGE_UNAVAILABLE', 'IndexedDB'],
    [{ ...complete, indexedDB: null }, 'STORAGE_UNAVAILABLE', 'IndexedDB'],
    [{ ...complete, navigator: {} }, 'LOCKS_UNAVAILABLE', 'Web Locks'],
  ]
  for (const [environment, code, word] of cases) {
    const error = thrownBy(() => checkEnvironment(environment))
    expect(error).toMatchObject({ code, outcome: 'definite', message: expect.stringContaining(word) })
  }
})

test('an API that throws when looked at is missing', () => {
  const environment: Environment = {
    ...complete,
    get indexedDB(): unknown {
      throw new DOMException('denied', 'SecurityError')
    },
  }
  expect(thrownBy(() => checkEnvironment(environment))).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
})

test('memory is shared where the page is isolated and the engine has any to share', () => {
  expect(sharedMemory(4, { crossOriginIsolated: true, SharedArrayBuffer })?.byteLength).toBe(4)
  expect(sharedMemory(4, { crossOriginIsolated: true })).toBeNull()
  expect(sharedMemory(4, { crossOriginIsolated: false, SharedArrayBuffer })).toBeNull()
})
