import type { Snapshot } from '../../../src/raft/types.ts'
import { SnapshotReceiver } from '../../../src/replica/snapshot-receiver.ts'
import { Snapshots } from '../../../src/replica/snapshots.ts'
import type { Mutant } from './mutants.ts'
import { replaceMethod } from './patch.ts'

/** Snapshots on their way to followers. */
export const snapshotMutants: readonly Mutant[] = [
  {
    name: 'followers are sent the first snapshot that was made, wherever the log begins by now',
    install: () => {
      const first = new WeakMap<Snapshots, Snapshot>()
      return replaceMethod(
        Snapshots.prototype,
        'forFollower',
        original =>
          function (this: Snapshots) {
            const snapshot = first.get(this) ?? original.call(this)
            first.set(this, snapshot)
            return snapshot
          },
      )
    },
  },
  {
    name: 'a follower does not say what it has of a snapshot',
    install: () => replaceMethod(SnapshotReceiver.prototype, 'flush', () => () => {}),
  },
  {
    name: 'a part of a snapshot that comes again is taken for the next',
    install: () =>
      replaceMethod(SnapshotReceiver.prototype, 'take', original => {
        const offsets = new WeakMap<SnapshotReceiver, number>()
        return function (this: SnapshotReceiver, from, chunk) {
          const expected = offsets.get(this) ?? 0
          const offset = chunk.offset < expected && chunk.data.length > 0 ? expected : chunk.offset
          offsets.set(this, offset + chunk.data.length)
          original.call(this, from, { ...chunk, offset })
        }
      }),
  },
]
