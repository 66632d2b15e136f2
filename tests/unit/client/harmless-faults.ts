import { Faults } from '../../../src/client/faults.ts'

/** Of a page without a worker: there is nothing to break. */
export function harmlessFaults(): Faults {
  const control = { stepDown: async () => false, suspend: async () => {} }
  const ended = new Promise<never>(() => {})
  return new Faults({
    network: { connect: () => {}, disconnect: () => {} },
    host: () => ({ control, ended, crash: () => {} }),
    signal: new AbortController().signal,
  })
}
