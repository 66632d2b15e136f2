import type { ClientResponse } from '../../../src/replica/types.ts'
import type {
  Command,
  HashKvRequest,
  LeaseId,
  LeaseTimeToLiveRequest,
  RangeRequest,
  ReadRequest,
  ReadResponse,
  Revision,
} from '../../../src/store/types.ts'
import { text } from '../clients/requests.ts'
import { Violation } from '../violation.ts'
import { answerOf, describeAnswer, sameAnswer } from './answers.ts'
import type { Model } from './model.ts'

/** What was so when a question was asked. */
export interface Moment {
  /** What was committed, and applied by at least one member: a read of the present must show it. */
  readonly revision: Revision
  readonly compacted: Revision
  /** Of the lease that is asked for. */
  readonly leaseChanges: number
}

/**
 * What clients were promised, judged by the model of the committed log. Every answer names the revision it was given at,
 * which is its place in the one order of all operations; it remains to check that the answer is the model's at that
 * place, and that it is not older than what was committed when the question was asked.
 */
export class Promises {
  readonly #model: Model
  /** Writes that were acknowledged, by client and number; an acknowledgement that is repeated counts once. */
  readonly #acknowledged = new Set<string>()
  /** Digests of all there is, by the revisions they are of. */
  readonly #hashes = new Map<string, number>()
  acknowledged = 0
  transactions = 0
  /** Acknowledgements of what was acknowledged before, to whoever repeated the write. */
  repeated = 0
  /** Writes of which the cluster knows only that they happened. */
  forgotten = 0
  reads = 0
  events = 0
  locks = 0

  constructor(model: Model) {
    this.#model = model
  }

  now(lease: LeaseId = 0): Moment {
    const { revision, compacted } = this.#model
    return { revision, compacted, leaseChanges: this.#model.leaseChanges(lease) }
  }

  /** True if that is the first word of the write's outcome. */
  writeAnswered({ clientId, seq, request }: Command, response: ClientResponse): boolean {
    const name = `${clientId.slice(0, 4)}/${seq}`
    const expected = this.#model.answerTo(clientId, seq)
    const actual = answerOf(response)
    if (expected === null) {
      throw new Violation('only committed writes are answered', `${name}: ${describeAnswer(actual)}`)
    }
    if (!response.ok && response.code === 'RESULT_FORGOTTEN') {
      if (!this.#model.mayForget(clientId, seq) || response.outcome !== 'unknown') {
        throw new Violation('answers are remembered until they were received', name)
      }
      this.forgotten += 1
      return false
    }
    if (!sameAnswer(actual, expected) || (!response.ok && response.outcome !== 'definite')) {
      const difference = `${describeAnswer(actual)}, but it was ${describeAnswer(expected)}`
      throw new Violation('writes happen once', `${name}: ${difference}`)
    }
    const key = `${clientId}/${seq}`
    if (this.#acknowledged.has(key)) {
      this.repeated += 1
      return false
    }
    this.#acknowledged.add(key)
    this.acknowledged += 1
    if (request.op === 'txn') this.transactions += 1
    return true
  }

  /**
   * An answer to a read, which must be at least as new as the moment it was asked for; or, where that is null, as what this
   * member has shown before, up to the revision `seen`: it never goes back. Returns the revision it shows.
   */
  readAnswered(request: ReadRequest, response: ClientResponse, moment: Moment | null, seen: Revision): Revision {
    this.reads += 1
    const since = moment ?? { revision: 0, compacted: 0, leaseChanges: -1 }
    if (!response.ok) {
      this.#checkRefusal(request, response.code, Math.max(seen, since.revision))
      return seen
    }
    const { revision } = response.response.header
    const name = `${request.op} @${revision}`
    if (revision < since.revision) throw new Violation('reads are linearizable', `${name}, asked at ${since.revision}`)
    if (revision < seen) throw new Violation('a member never goes back', `${name} after ${seen}`)
    if (revision > this.#model.revision) throw new Violation('reads show the committed state', `${name} is to come`)
    const answer = response.response
    if (request.op === 'range' && answer.op === 'range') this.#checkRange(request, response, revision, since)
    else if (request.op === 'leaseTimeToLive' && answer.op === 'leaseTimeToLive') {
      this.#checkTimeToLive(request, answer, since)
    } else if (request.op === 'leases' && answer.op === 'leases') this.#checkLeases(answer)
    else if (request.op === 'hashKv' && answer.op === 'hashKv') this.#checkHash(request, answer)
    else throw new Violation('a question gets an answer to it', `${request.op} got ${answer.op}`)
    return revision
  }

  /** A lease that its holder has every reason to count on is there. */
  countsOn(lease: LeaseId): void {
    if (this.#model.lease(lease) === null)
      throw new Violation('no lease ends before its time', `${lease} was kept alive`)
  }

  /** All is quiet and nobody is behind: the whole of what a member holds is what the log says, to the last lease. */
  inspected(leases: readonly LeaseId[], revision: Revision): void {
    const expected = [...this.#model.leases].map(({ lease }) => lease).sort((a, b) => a - b)
    if (leases.join() !== expected.join() || revision !== this.#model.revision) {
      throw new Violation('what was acknowledged is there', `@${revision} leases ${leases}, not ${expected}`)
    }
  }

  #checkRefusal(request: ReadRequest, code: string, known: Revision): void {
    const revision = 'revision' in request ? request.revision : 0
    if (code === 'COMPACTED' && revision > 0 && revision < this.#model.compacted + (request.op === 'hashKv' ? 1 : 0))
      return
    if (code === 'FUTURE_REVISION' && revision > known) return
    throw new Violation('reads are answered', `${request.op} of ${revision}: ${code}`)
  }

  #checkRange(request: RangeRequest, response: ClientResponse, revision: Revision, since: Moment): void {
    const wanted = request.revision
    if (wanted > revision || (wanted > 0 && wanted < since.compacted)) {
      throw new Violation('what cannot be read is not made up', `${wanted}, at ${revision}`)
    }
    const expected = this.#model.range(request, revision)
    const actual = answerOf(response)
    if (sameAnswer(actual, expected)) return
    const difference = `${describeAnswer(actual)}, not ${describeAnswer(expected)}`
    throw new Violation('reads show the committed state', `of ${wanted}: ${difference}`)
  }

  #checkTimeToLive(
    { lease, keys: wantsKeys }: LeaseTimeToLiveRequest,
    answer: Extract<ReadResponse, { op: 'leaseTimeToLive' }>,
    since: Moment,
  ): void {
    const { ttlSeconds, grantedTtlSeconds, header } = answer
    // What changed in between may have been seen or not.
    if (this.#model.leaseChanges(lease) === since.leaseChanges) {
      const now = this.#model.lease(lease)
      const expected = now === null ? 'none' : `of ${now.ttlSeconds} s`
      const actual = ttlSeconds === -1 ? 'none' : `of ${grantedTtlSeconds} s`
      if (actual !== expected) throw new Violation('leases are there to see', `${lease}: ${actual}, not ${expected}`)
    }
    if (ttlSeconds < -1 || ttlSeconds > grantedTtlSeconds) {
      throw new Violation('a lease has no more left than its time', `${lease}: ${ttlSeconds} of ${grantedTtlSeconds} s`)
    }
    const keys = answer.keys.map(text).join()
    const expected = wantsKeys ? this.#model.keysOf(lease, header.revision).join() : ''
    if (keys !== expected) throw new Violation('a lease knows its keys', `${lease} @${header.revision}: ${keys}`)
  }

  /** Which leases there are is no matter of revisions, so of an old answer only this much can be said. */
  #checkLeases({ leases }: Extract<ReadResponse, { op: 'leases' }>): void {
    const unknown = leases.find(lease => this.#model.leaseChanges(lease) === 0)
    if (unknown !== undefined) throw new Violation('leases are there to see', `${unknown} was never granted`)
  }

  /** Members that hold the same say the same. */
  #checkHash(
    { revision }: HashKvRequest,
    { header, hash, compactRevision }: Extract<ReadResponse, { op: 'hashKv' }>,
  ): void {
    const name = `${revision === 0 ? header.revision : revision} since ${compactRevision}`
    const known = this.#hashes.get(name)
    this.#hashes.set(name, hash)
    if (known !== undefined && known !== hash)
      throw new Violation('members hold the same', `${hash}, not ${known}: ${name}`)
  }
}
