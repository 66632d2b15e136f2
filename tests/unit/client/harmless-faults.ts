import { Faults } from '../../../src/client/faults.ts'

/** Of a page without a worker: there is nothing to break. */
export function harmlessFaults(): Faults {
  const control = {
    stepDown: async () => false,
    suspend: async () => {},
    cutLink: async () => {},
    mendLink: async () => {},
  }
  return new Faults({
    network: { connect: () => {}, disconnect: () => {} },
    worker: { ask: question => question(control), crash: () => {} },
  })
}
