import fc from 'fast-check'
import type {
  Compare,
  DeleteRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  SystemCommand,
  TxnRequest,
  WatchRequest,
  WriteRequest,
} from '../../../src/store/types.ts'
import { bytes } from './requests.ts'

/** Few keys, close to each other, so that operations meet; with bytes above 0x7f and a key that extends another. */
export const NAMES: readonly string[] = ['a', 'aa', 'ab', 'b', 'b\xff', 'c', '\xc3\xa9', '\0']

const key = fc.constantFrom(...NAMES).map(bytes)
const end = fc.option(fc.constantFrom('\0', 'b', 'c', 'd', 'a').map(bytes), { nil: null })
const value = fc.constantFrom('', '0', '1', '\xff').map(bytes)
const nearRevision = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(30))

const rarely = fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true))
const lease = fc.integer({ min: 1, max: 3 })
const leaseOrNone = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, lease)

export const keyRange = fc.record({ key, end })

export const putRequest: fc.Arbitrary<PutRequest> = fc
  .record({
    op: fc.constant('put' as const),
    key,
    value,
    lease: leaseOrNone,
    prevKv: fc.boolean(),
    ignoreValue: rarely,
    ignoreLease: rarely,
  })
  .map(request => ({
    ...request,
    // What is kept must not be given as well.
    value: request.ignoreValue ? bytes('') : request.value,
    lease: request.ignoreLease ? 0 : request.lease,
  }))

export const deleteRequest: fc.Arbitrary<DeleteRequest> = fc.record({
  op: fc.constant('delete' as const),
  key,
  end,
  prevKv: fc.boolean(),
})

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  op: fc.constant('range' as const),
  key,
  end,
  limit: fc.nat(4),
  revision: nearRevision,
  sortTarget: fc.constantFrom('key', 'version', 'create', 'mod', 'value'),
  sortOrder: fc.constantFrom('none', 'ascend', 'descend'),
  keysOnly: fc.boolean(),
  countOnly: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  minModRevision: nearRevision,
  maxModRevision: nearRevision,
  minCreateRevision: nearRevision,
  maxCreateRevision: nearRevision,
})

const compareResult = fc.constantFrom('=' as const, '!=' as const, '<' as const, '>' as const)

export const compareRequest: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key, end, result: compareResult, target: fc.constant('value' as const), operand: value }),
  fc.record({
    key,
    end,
    result: compareResult,
    target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const, 'lease' as const),
    operand: fc.integer({ min: -1, max: 12 }),
  }),
)

export const { txn: txnRequest } = fc.letrec<{ txn: TxnRequest; op: RequestOp }>(tie => ({
  txn: fc.record({
    op: fc.constant('txn' as const),
    compare: fc.array(compareRequest, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
  op: fc.oneof({ maxDepth: 3, depthIdentifier: 'txn' }, putRequest, deleteRequest, rangeRequest, tie('txn')),
}))

export const compactRequest = fc.record({ op: fc.constant('compact' as const), revision: fc.nat(30) })

export const leaseRequest: fc.Arbitrary<WriteRequest> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('leaseGrant' as const), lease, ttlSeconds: fc.nat(100) }) },
  fc.record({ op: fc.constant('leaseRevoke' as const), lease }),
  fc.record({ op: fc.constant('leaseKeepAlive' as const), lease }),
)

const renewals = fc.integer({ min: 1, max: 3 })

export const systemCommand: fc.Arbitrary<SystemCommand> = fc.record({
  clientId: fc.constant(null),
  request: fc.oneof(
    fc.record({ op: fc.constant('leaseExpire' as const), lease, renewals }),
    fc.record({
      op: fc.constant('leaseCheckpoint' as const),
      checkpoints: fc.array(fc.record({ lease, renewals, remainingSeconds: fc.nat(100) }), { maxLength: 3 }),
    }),
    compactRequest,
  ),
})

export const watchRequest: fc.Arbitrary<WatchRequest> = fc.record({
  key,
  end,
  startRevision: nearRevision,
  prevKv: fc.boolean(),
  filters: fc.subarray(['put' as const, 'delete' as const], { maxLength: 1 }),
})

/** What changes keys. */
export const writeRequest: fc.Arbitrary<WriteRequest> = fc.oneof(
  { weight: 6, arbitrary: putRequest },
  { weight: 2, arbitrary: deleteRequest },
  { weight: 3, arbitrary: txnRequest },
)

/** Of any size and content, not only of what stores accept. */
export const anyCommand = fc
  .record({
    clientId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(id => Buffer.from(id).toString('hex')),
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    request: fc.oneof<fc.Arbitrary<WriteRequest>[]>(
      writeRequest,
      compactRequest,
      leaseRequest,
      fc.record({
        op: fc.constant('put' as const),
        key: fc.uint8Array({ maxLength: 300 }),
        value: fc.uint8Array({ maxLength: 300 }),
        lease: fc.maxSafeInteger(),
        prevKv: fc.boolean(),
        ignoreValue: fc.boolean(),
        ignoreLease: fc.boolean(),
      }),
    ),
  })
  .chain(command =>
    fc.record({
      clientId: fc.constant(command.clientId),
      seq: fc.constant(command.seq),
      acked: fc.integer({ min: 0, max: command.seq - 1 }),
      request: fc.constant(command.request),
    }),
  )
