import { type ChangeBase, type ChangeResult, enterJoint, leaveJoint, simple } from '../../../src/raft/changer.ts'
import { EMPTY_CONFIGURATION, formatConfiguration } from '../../../src/raft/configuration.ts'
import { RaftError } from '../../../src/raft/errors.ts'
import { Inflights } from '../../../src/raft/inflights.ts'
import { parseChanges } from './changes.ts'
import { type Directive, onlyArguments, ScriptError, valuesOf } from './script.ts'

/** Scripts about membership changes: `simple`, `enter-joint` and `leave-joint`, each made to what the last one left. */
export const CONFCHANGE_COMMANDS: ReadonlySet<string> = new Set(['simple', 'enter-joint', 'leave-joint'])

export function runConfChange(): (directive: Directive) => string {
  let base: ChangeBase = {
    configuration: EMPTY_CONFIGURATION,
    progress: new Map(),
    lastIndex: 0,
    newInflights: () => new Inflights(10, Number.POSITIVE_INFINITY),
  }
  return directive => {
    try {
      base = { ...base, ...apply(base, directive) }
    } catch (error) {
      if (!(error instanceof RaftError)) throw error
      return error.message
    } finally {
      // Stands for the log growing by the change, made or not.
      base = { ...base, lastIndex: base.lastIndex + 1 }
    }
    const members = [...base.progress].map(([member, progress]) => `${member}: ${progress}`)
    return [formatConfiguration(base.configuration), ...members].join('\n')
  }
}

function apply(base: ChangeBase, directive: Directive): ChangeResult {
  const changes = parseChanges(directive.input)
  switch (directive.command) {
    case 'simple':
      onlyArguments(directive)
      return simple(base, changes)
    case 'enter-joint':
      onlyArguments(directive, 'autoleave')
      return enterJoint(base, valuesOf(directive, 'autoleave')?.[0] === 'true', changes)
    case 'leave-joint':
      onlyArguments(directive)
      if (changes.length > 0) throw new ScriptError('leave-joint takes no changes')
      return leaveJoint(base)
    default:
      throw new ScriptError(`unknown command ${directive.command}`)
  }
}
