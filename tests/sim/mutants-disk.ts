import { WalError } from '../../src/replica/types.ts'
import { Layout, type Stored } from '../../src/wal/layout.ts'
import { SimulatedDisk } from './disk.ts'
import type { Mutant } from './mutants.ts'
import { replaceMethod } from './patch.ts'

/** Known bugs of logs, and of those who keep them. */
export const diskMutants: readonly Mutant[] = [
  {
    name: 'a damaged newest record is cut off',
    install: () =>
      replaceMethod(Layout, 'recover', original => stored => {
        try {
          return original.call(Layout, stored)
        } catch (error) {
          if (!(error instanceof WalError) || stored.records.length < 2) throw error
          return original.call(Layout, withoutNewest(stored))
        }
      }),
  },
  {
    name: 'a write that was broken off is taken for damage',
    install: () =>
      replaceMethod(Layout, 'recover', original => stored => {
        const recovery = original.call(Layout, stored)
        if (recovery.cut !== null) throw new WalError('CORRUPT', recovery.cut.reason)
        return recovery
      }),
  },
  {
    name: 'a write that failed is acknowledged',
    install: () =>
      replaceMethod(
        SimulatedDisk.prototype,
        'write',
        original =>
          function (this: SimulatedDisk, write, { done }) {
            original.call(this, write, { done, failed: done })
          },
      ),
  },
]

function withoutNewest({ records, snapshot }: Stored): Stored {
  const torn = records.map((record, i) => (i === records.length - 1 ? { ...record, value: new Uint8Array() } : record))
  return { records: torn, snapshot }
}
