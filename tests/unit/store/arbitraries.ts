import fc from 'fast-check'
import type {
  Compare,
  DeleteRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WriteRequest,
} from '../../../src/store/types.ts'
import { bytes } from './requests.ts'

/** Few keys, close to each other, so that operations meet; with bytes above 0x7f and a key that extends another. */
const NAMES = ['a', 'aa', 'ab', 'b', 'b\xff', 'c', '\xc3\xa9', '\0'] as const

const key = fc.constantFrom(...NAMES).map(bytes)
const end = fc.option(fc.constantFrom('\0', 'b', 'c', 'd', 'a').map(bytes), { nil: null })
const value = fc.constantFrom('', '0', '1', '\xff').map(bytes)
const nearRevision = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(30))

export const keyRange = fc.record({ key, end })

export const putRequest: fc.Arbitrary<PutRequest> = fc.record({
  op: fc.constant('put' as const),
  key,
  value,
  lease: fc.constant(0),
  prevKv: fc.boolean(),
  ignoreValue: fc.constant(false),
  ignoreLease: fc.constant(false),
})

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
