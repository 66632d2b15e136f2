import type { ClientResponse } from '../../../src/replica/types.ts'
import type { Command, LeaseId, RangeRequest, Revision } from '../../../src/store/types.ts'
import { check, type Verdict } from '../../linearizability/checker.ts'
import type { Call, SequentialModel } from '../../linearizability/model.ts'
import type { Schedule } from '../schedule.ts'
import { Violation } from '../violation.ts'
import { type Answer, answerOf, describeAnswer } from './answers.ts'
import { answeredPath, hasChanged, isMeant, keysNamed, type Meant, openPaths } from './history-meaning.ts'
import { forKey, type KeysState, keysModel, type Operation } from './history-operations.ts'
import { HistoryVersions } from './history-versions.ts'
import type { Version } from './versions.ts'

/** What the committed log says, as far as a history asks. */
export interface CommittedLog {
  readonly changes: Iterable<Version>
  /** Null if it was not applied. */
  answerTo(clientId: string, seq: number): Answer | null
}

/** An operation that a client has begun. */
export interface Begun {
  readonly name: string
  readonly request: Meant
  /** Of a write. */
  readonly command: Command | null
  readonly invoked: number
  ended: { readonly at: number; readonly answer: Answer } | null
}

interface LeaseEnd {
  readonly lease: LeaseId
  readonly invoked: number
  readonly revision: Revision
}

/**
 * The history of all clients of a run, as they saw it, and its judge: whether there is one order of all writes and all reads of
 * the present in which each was answered as it was. It goes by values, counts and successes; the revisions in the answers are
 * for `Promises` to judge, and serve here as hints where in the order to look. Lies in them cost time, and hide nothing.
 */
export class History {
  readonly #schedule: Schedule
  readonly #log: CommittedLog
  readonly #begun: Begun[] = []
  readonly #writes = new Map<string, Begun>()
  readonly #leaseEnds: LeaseEnd[] = []
  /** When which place in the order of events was taken. */
  readonly #placesMs: number[] = []
  /** Whether the search for an order was given up; then it is only known that each key by itself has one, or not even that. */
  isUndecided = false

  constructor(schedule: Schedule, log: CommittedLog) {
    this.#schedule = schedule
    this.#log = log
  }

  get operations(): number {
    return this.#begun.length
  }

  /** A client asks for a write; again, if it did so before, which changes nothing. Null for what touches no key. */
  writes(command: Command): Begun | null {
    const { clientId, seq, request } = command
    if (!isMeant(request)) return null
    const id = `${clientId}/${seq}`
    const known = this.#writes.get(id)
    if (known !== undefined) return known
    const begun = this.#begin(`${request.op} ${clientId.slice(0, 4)}/${seq}`, request, command)
    this.#writes.set(id, begun)
    return begun
  }

  /** A client asks for a read of the present, at the present. Null for one of the past, which may be answered at any time. */
  reads(request: RangeRequest): Begun | null {
    return request.revision > 0 ? null : this.#begin('range', request, null)
  }

  /** The first answer counts; others must be the same, which is for others to judge. An error that leaves it open is none. */
  answered(begun: Begun | null, response: ClientResponse): void {
    if (begun === null || begun.ended !== null) return
    if (!response.ok && response.outcome === 'unknown') return
    begun.ended = { at: this.#place(), answer: answerOf(response) }
  }

  /** A lease came to its end and took its keys along, at that revision; the leader had said so since a moment. */
  leaseEnded(lease: LeaseId, sinceMs: number, revision: Revision): void {
    const first = this.#placesMs.findLastIndex(ms => ms < sinceMs) + 1
    this.#leaseEnds.push({ lease, invoked: first - 0.5, revision })
  }

  /** Throws if there is no such order. Gives up after so many configurations, for all keys and then for each. */
  judge(configurationsMax = configurationsMaxDefault): void {
    const versions = this.#versions()
    const calls = this.#calls(versions)
    const model = keysModel(versions.keys.length, versions.leaseOf)
    const verdict = check(model, calls, configurationsMax)
    if (verdict.kind === 'linearizable') return
    if (verdict.kind === 'not linearizable') throw violation(verdict, model, versions, 'all keys')
    // Too wide to search to the end. If one key alone has no order either, that is found soon, and easier to understand.
    for (const [at, key] of versions.keys.entries()) {
      const ofKey = calls.flatMap(call => forKey(call.operation, at).map(operation => ({ ...call, operation })))
      const own = check(model, ofKey, configurationsMax)
      if (own.kind === 'not linearizable') throw violation(own, model, versions, key)
    }
    this.isUndecided = true
  }

  #begin(name: string, request: Meant, command: Command | null): Begun {
    const begun: Begun = { name, request, command, invoked: this.#place(), ended: null }
    this.#begun.push(begun)
    return begun
  }

  #place(): number {
    this.#placesMs.push(this.#schedule.nowMs)
    return this.#placesMs.length - 1
  }

  #versions(): HistoryVersions {
    const keys = new Set<string>()
    for (const { request, ended } of this.#begun) {
      for (const key of keysNamed(request)) keys.add(key)
      for (const key of ended === null ? [] : keysShown(ended.answer)) keys.add(key)
    }
    for (const { key } of this.#log.changes) keys.add(key)
    return new HistoryVersions(keys, this.#log.changes)
  }

  #calls(versions: HistoryVersions): Call<Operation>[] {
    const calls: Call<Operation>[] = this.#leaseEnds.map(({ lease, invoked, revision }) => ({
      operation: { name: () => `the end of lease ${lease}`, paths: [[{ do: 'end', lease }]] },
      invoked,
      returned: null,
      hint: revision,
    }))
    for (const { name, request, command, invoked, ended } of this.#begun) {
      if (ended === null) {
        const applied = command === null ? null : this.#log.answerTo(command.clientId, command.seq)
        const paths = openPaths(versions, request)
        calls.push({ operation: { name: () => name, paths }, invoked, returned: null, hint: openHint(applied) })
      } else if (ended.answer.op !== 'refusal') {
        const { answer, at } = ended
        const paths = [answeredPath(versions, request, answer)]
        calls.push({
          operation: { name: () => `${name}: ${describeAnswer(answer)}`, paths },
          invoked,
          returned: at,
          hint: hint(answer),
        })
      }
    }
    return calls
  }
}

/** Where the hints are right, a search takes one for each operation, and there are some hundreds. */
const configurationsMaxDefault = 20_000

/** What changes nothing comes behind what made the revision it saw. */
function hint(answer: Exclude<Answer, { op: 'refusal' }>): number {
  if (answer.op === 'leaseRevoke') return answer.revision + 0.25
  return hasChanged(answer) ? answer.revision : answer.revision + 0.5
}

/** Where the log has it, if it has, and if it did anything there. */
function openHint(applied: Answer | null): number | null {
  return applied === null || applied.op === 'refusal' || !hasChanged(applied) ? null : hint(applied)
}

function keysShown(answer: Answer): string[] {
  switch (answer.op) {
    case 'put':
      return answer.prev === null ? [] : [answer.prev.key]
    case 'delete':
      return answer.prevs.map(({ key }) => key)
    case 'range':
      return answer.kvs.map(({ key }) => key)
    case 'txn':
      return answer.answers.flatMap(keysShown)
    default:
      return []
  }
}

/** Of the order that gets the furthest, so many of its last are shown. */
const shownMax = 5

function violation(
  { stuck, order }: Extract<Verdict<Call<Operation>>, { kind: 'not linearizable' }>,
  model: SequentialModel<KeysState, Operation>,
  versions: HistoryVersions,
  of: string,
): Violation {
  let state = model.initial
  for (const { operation } of order) state = model.step(state, operation) ?? state
  const last = order.slice(-shownMax).map(({ operation }) => operation.name())
  return new Violation(
    'histories are linearizable',
    `of ${of}, nothing explains ${stuck.operation.name()}; others get as far as ${last.join('; ')}; then there is ${versions.describe(state)}`,
  )
}
