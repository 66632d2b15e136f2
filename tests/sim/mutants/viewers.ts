import { RawNode } from '../../../src/raft/raw-node.ts'
import { Admission } from '../../../src/replica/admission.ts'
import { roleOf } from '../../../src/replica/types.ts'
import type { Mutant } from './mutants.ts'
import { replaceMethod } from './patch.ts'

type Arrival = Parameters<Admission['admits']>[0]

/** The door of a member, open a little for those who may only look. */
export const viewerMutants: readonly Mutant[] = [
  {
    name: "a viewer's proposal is taken",
    install: () => letIn(({ message }) => message.kind === 'raft' && message.message.type === 'MsgProp'),
  },
  {
    name: 'a viewer may speak for others',
    install: () => letIn(({ from }) => roleOf(from) === 'editor'),
  },
  {
    name: 'a viewer is let in as a voter',
    install: () =>
      replaceMethod(
        RawNode.prototype,
        'proposeConfChange',
        original =>
          function (this: RawNode, change, type) {
            const changes = change.changes.map(one => {
              return one.type === 'addLearner' && roleOf(one.member) === 'viewer'
                ? { ...one, type: 'addVoter' as const }
                : one
            })
            return original.call(this, { ...change, changes }, type)
          },
      ),
  },
]

function letIn(also: (arrival: Arrival) => boolean): () => void {
  return replaceMethod(
    Admission.prototype,
    'admits',
    original =>
      function (this: Admission, arrival, term) {
        return original.call(this, arrival, term) || also(arrival)
      },
  )
}
