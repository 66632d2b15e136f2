import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { RaftError } from '../../../src/raft/errors.ts'
import { ROLE_NAMES } from '../../../src/raft/logger.ts'
import { StorageError } from '../../../src/raft/storage.ts'
import { type ConfChangeTransition, EMPTY_BYTES, type MemberId, type MessageType } from '../../../src/raft/types.ts'
import { parseChanges } from './changes.ts'
import {
  Cluster,
  ELECTION_TICKS,
  type Founding,
  HEARTBEAT_TICKS,
  type Member,
  type MemberOptions,
  PROPOSAL_DROPPED,
} from './cluster.ts'
import { describeEntry, describeProgress } from './describe.ts'
import { levelFrom, Output } from './output.ts'
import { type Argument, type Directive, numberFrom, ScriptError, valuesOf } from './script.ts'

/** Scripts of whole clusters: every command acts on the members that the commands before it left. */
export function runInteraction(): (directive: Directive) => string {
  const output = new Output()
  const cluster = new Cluster(output)
  return directive => {
    const command = COMMANDS[directive.command]
    if (command === undefined) throw new ScriptError(`unknown command ${directive.command}`)
    output.take()
    try {
      command({ cluster, output, directive })
    } catch (error) {
      const refusal = refusalText(error)
      if (refusal === null) throw error
      // Told even where all else is silent.
      if (output.quiet) return refusal
      output.print(refusal)
    }
    const text = output.take()
    return text === '' ? 'ok' : text
  }
}

interface Context {
  readonly cluster: Cluster
  readonly output: Output
  readonly directive: Directive
}

/** Does it, or throws `Refused`. */
type Command = (context: Context) => void

/** The machine refused what a command asked of it: an outcome that a script may expect. */
class Refused extends Error {
  override readonly name = 'Refused'
}

/** What a script may expect of a command that fails; null for a mistake in the script or in this harness. */
function refusalText(error: unknown): string | null {
  if (error instanceof Refused || error instanceof RaftError) return error.message
  if (error instanceof StorageError && error.code === 'COMPACTED') return COMPACTED
  return null
}

const COMPACTED = 'requested index is unavailable due to compaction'

const COMMANDS: Readonly<Record<string, Command>> = {
  // Where somebody who debugs a script can stop.
  _breakpoint: () => {},
  'add-nodes': addMembers,
  campaign: context => theMember(context).node.campaign(),
  compact: context => {
    const [member, index] = twoNumbers(context)
    const { storage } = context.cluster.member(member)
    storage.compact(index)
    printLog(context)
  },
  'deliver-msgs': deliver,
  'forget-leader': context => theMember(context).node.forgetLeader(),
  'log-level': ({ output, directive }) => {
    output.level = levelFrom(directive.args[0]?.key)
  },
  'process-append-thread': context =>
    each(context, 'processing append thread', member => context.cluster.processAppendThread(member)),
  'process-apply-thread': context =>
    each(context, 'processing apply thread', member => context.cluster.processApplyThread(member)),
  'process-ready': context => each(context, 'handling Ready', member => context.cluster.processReady(member)),
  propose: context => {
    const [id, payload] = context.directive.args
    const { node } = context.cluster.member(numberFrom(id?.key, 'member'))
    expectTaken(node.propose(new TextEncoder().encode(payload?.key ?? '')))
  },
  'propose-conf-change': proposeConfChange,
  'raft-log': printLog,
  'raft-state': printStates,
  'report-unreachable': context => {
    const [member, unreachable] = twoNumbers(context)
    context.cluster.member(member).node.reportUnreachable(unreachable)
  },
  'send-snapshot': context => {
    const [from, to] = twoNumbers(context)
    context.cluster.sendSnapshot(context.cluster.member(from), to)
  },
  'set-randomized-election-timeout': context => {
    const timeout = numberFrom(valuesOf(context.directive, 'timeout')?.[0], 'timeout')
    theMember(context).node.setRandomizedElectionTicks(timeout)
  },
  stabilize,
  status: context => {
    for (const [member, progress] of theMember(context).node.status().progress) {
      context.output.print(`${member}: ${describeProgress(progress)}`)
    }
  },
  'tick-election': context => tick(theMember(context), ELECTION_TICKS),
  'tick-heartbeat': context => tick(theMember(context), HEARTBEAT_TICKS),
  'transfer-leadership': ({ cluster, directive }) => {
    const from = numberFrom(valuesOf(directive, 'from')?.[0], 'from')
    const to = numberFrom(valuesOf(directive, 'to')?.[0], 'to')
    cluster.member(from).node.transferLeader(to)
  },
}

export const INTERACTION_COMMANDS: ReadonlySet<string> = new Set(Object.keys(COMMANDS))

// Arguments.

const isPlain = (argument: Argument): boolean => argument.values.length === 0

function plainNumbers({ directive }: Context): number[] {
  return directive.args.filter(isPlain).map(({ key }) => numberFrom(key, directive.command))
}

function theMember(context: Context): Member {
  return context.cluster.member(plainNumbers(context)[0] ?? 0)
}

function twoNumbers(context: Context): [number, number] {
  const [first, second] = plainNumbers(context)
  if (first === undefined || second === undefined)
    throw new ScriptError(`${context.directive.command}: needs two numbers`)
  return [first, second]
}

/** The members named, or all. */
function membersNamed(context: Context): readonly Member[] {
  const ids = plainNumbers(context)
  return ids.length === 0 ? context.cluster.members : ids.map(id => context.cluster.member(id))
}

/** Does the same with each member named; with more than one, each under a title. */
function each(context: Context, title: string, work: (member: Member) => void): void {
  const members = membersNamed(context)
  for (const member of members) {
    if (members.length === 1) {
      work(member)
    } else {
      context.output.print(`> ${member.id} ${title}`)
      context.output.indented(() => work(member))
    }
  }
}

function booleanFrom(value: string | undefined): boolean {
  switch (value?.toLowerCase()) {
    case 'true':
    case 't':
    case '1':
      return true
    case 'false':
    case 'f':
    case '0':
      return false
    default:
      throw new ScriptError(`neither true nor false: ${value}`)
  }
}

// The longer commands.

function addMembers({ cluster, directive }: Context): void {
  const options: { -readonly [Key in keyof MemberOptions]: MemberOptions[Key] } = {}
  let voters: MemberId[] = []
  let learners: MemberId[] = []
  let index = 0
  let data = EMPTY_BYTES
  let count = 0
  for (const { key, values } of directive.args) {
    const [value] = values
    switch (key) {
      case 'voters':
        voters = values.map(id => numberFrom(id, key))
        break
      case 'learners':
        learners = values.map(id => numberFrom(id, key))
        break
      case 'index':
        index = numberFrom(value, key)
        break
      case 'content':
        data = new TextEncoder().encode(value)
        break
      case 'async-storage-writes':
        options.asyncStorageWrites = booleanFrom(value)
        break
      case 'inflight':
        options.maxInflightMessages = numberFrom(value, key)
        break
      case 'prevote':
        options.preVote = booleanFrom(value)
        break
      case 'checkquorum':
        options.checkQuorum = booleanFrom(value)
        break
      case 'max-committed-size-per-ready':
        options.maxCommittedSizePerReadyBytes = numberFrom(value, key)
        break
      case 'disable-conf-change-validation':
        options.disableConfChangeValidation = booleanFrom(value)
        break
      case 'step-down-on-removal':
        options.stepDownOnRemoval = booleanFrom(value)
        break
      case 'read-only':
        if (value !== 'safe' && value !== 'lease-based') throw new Refused(`invalid read-only option "${value}"`)
        options.readOnly = value === 'safe' ? 'safe' : 'leaseBased'
        break
      default:
        count = numberFrom(key, 'add-nodes')
    }
  }
  const founded = voters.length + learners.length > 0 || index > 0
  // A log needs an entry before the first one to start from.
  if (founded && index <= 1) throw new Refused('index must be specified as > 1 due to bootstrap')
  const founding: Founding | null = founded
    ? { confState: { ...EMPTY_CONF_STATE, voters, learners }, index, data }
    : null
  for (let i = 0; i < count; i++) cluster.add(options, founding)
}

function deliver({ cluster, output, directive }: Context): void {
  const type = valuesOf(directive, 'type')?.[0]
  let count = 0
  for (const argument of directive.args) {
    if (argument.key === 'type') continue
    const drop = argument.key === 'drop'
    for (const id of drop ? argument.values : [argument.key]) {
      // Compared with names of messages only; one that does not exist delivers nothing.
      count += cluster.deliver(numberFrom(id, 'member'), drop, (type as MessageType | undefined) ?? null)
    }
  }
  if (count === 0) output.print('no messages')
}

const TRANSITIONS: Readonly<Record<string, ConfChangeTransition>> = {
  auto: 'auto',
  implicit: 'jointImplicit',
  explicit: 'jointExplicit',
}

function expectTaken(result: 'ok' | 'dropped'): void {
  if (result === 'dropped') throw new Refused(PROPOSAL_DROPPED)
}

function proposeConfChange(context: Context): void {
  const { directive } = context
  const v1 = booleanFrom(valuesOf(directive, 'v1')?.[0] ?? 'false')
  const transition = TRANSITIONS[valuesOf(directive, 'transition')?.[0] ?? 'auto']
  if (transition === undefined) throw new Refused(`unknown transition ${valuesOf(directive, 'transition')?.[0]}`)
  const changes = parseChanges(directive.input)
  if (v1 && (changes.length > 1 || transition !== 'auto')) {
    throw new Refused('v1 conf change can only have one operation and no transition')
  }
  const type = v1 ? 'confChange' : 'confChangeV2'
  expectTaken(theMember(context).node.proposeConfChange({ transition, changes, context: EMPTY_BYTES }, type))
}

function printLog(context: Context): void {
  const { storage } = theMember(context)
  const [first, last] = [storage.firstIndex(), storage.lastIndex()]
  if (last < first) {
    context.output.print(`log is empty: first index=${first}, last index=${last}`)
    return
  }
  const entries = storage.entries(first, last + 1, Number.POSITIVE_INFINITY)
  context.output.print(entries.map(describeEntry).join('\n'))
}

function printStates({ cluster, output }: Context): void {
  for (const { id, node } of cluster.members) {
    const { role, term, leader, config } = node.status()
    const voter = config.voters.includes(id) || config.votersOutgoing.includes(id)
    output.print(`${id}: ${ROLE_NAMES[role]} (${voter ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${leader}`)
  }
}

function stabilize(context: Context): void {
  const { cluster, output, directive } = context
  for (const { key } of directive.args.filter(argument => !isPlain(argument))) {
    if (key !== 'log-level') throw new ScriptError(`stabilize: unknown argument ${key}`)
  }
  const level = valuesOf(directive, 'log-level')?.[0]
  const before = output.level
  if (level !== undefined) output.level = levelFrom(level)
  cluster.stabilize(membersNamed(context))
  output.level = before
}

function tick({ node }: Member, ticks: number): void {
  for (let i = 0; i < ticks; i++) node.tick()
}
