import { describe, test } from 'vitest'
import { Network } from './network.ts'

describe.each([false, true])('log replication (paper 5.3), asyncStorageWrites %s', asyncStorageWrites => {
  test('an entry proposed to the leader is applied by every member, in order', () => {
    const net = new Network({ voters: [1, 2, 3], config: { asyncStorageWrites } })
    net.campaign(1)
    net.propose(1, 'a', 'b')
    net.propose(1, 'c')
    net.expectApplied(['a', 'b', 'c'])
  })
})
