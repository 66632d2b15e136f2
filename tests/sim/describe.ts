import type { MemberId, Message } from '../../src/raft/types.ts'
import type { Input, Output, PeerMessage, Position, WalWrite } from '../../src/replica/types.ts'

type Name = (id: MemberId) => string

/** A member's turn in the trace: where it stood at the end, what it took in and what came out. */
export function describeTurn(
  member: string,
  { role, term, commit, applied }: Position,
  { inputs, outputs }: { readonly inputs: readonly Input[]; readonly outputs: readonly Output[] },
  name: Name,
): string[] {
  const head = `${member} ${role} t${term} c${commit} a${applied}`
  const took = inputs.map(input => describeInput(input, name)).filter(text => text !== null)
  const gave = outputs.map(output => describeOutput(output, name)).filter(text => text !== null)
  return [...took.map(text => `${head}   < ${text}`), ...gave.map(text => `${head} >   ${text}`)]
}

/** A line of the trace; null for what would only fill it. */
function describeInput(input: Input, name: Name): string | null {
  switch (input.kind) {
    case 'tick':
      return null
    case 'message':
      return `from ${name(input.from)}: ${describeMessage(input.message, name)}`
    case 'walDone':
      return `durable ${input.id}`
    case 'staged':
      return `staged ${input.id}`
    case 'request': {
      const { request } = input
      if (request.kind === 'watch') return `watch #${input.id}`
      if (request.kind === 'read') return `read #${input.id} ${request.request.op}`
      return `write #${input.id} ${request.command.clientId.slice(0, 4)}.${request.command.seq} ${request.command.request.op}`
    }
    case 'cancel':
      return `cancel #${input.id}`
    case 'credit':
      return null
    case 'progress':
      return `progress #${input.id}`
    case 'transfer':
      return `transfer to ${name(input.to)}`
    case 'peerUp':
    case 'peerDown':
    case 'peerEnded':
      return `${input.kind} ${name(input.member)}`
    case 'resume':
    case 'stay':
      return input.kind
    case 'leave':
      return `leave (${input.fate})`
  }
}

function describeOutput(output: Output, name: Name): string | null {
  switch (output.kind) {
    case 'persist':
      return `persist ${output.id}: ${describeWrite(output.write)}`
    case 'stage':
      return `stage ${output.id}: ${output.snapshot.metadata.index}, ${output.snapshot.data.length} bytes`
    case 'send':
      return `to ${name(output.to)}: ${describeMessage(output.message, name)}`
    case 'respond':
      return `answer #${output.id} ${output.response.ok ? 'ok' : output.response.code}`
    case 'notify':
      return `notify #${output.id} ${output.notification.kind}`
    case 'statusChanged':
      return null
    case 'event':
      return `event ${JSON.stringify(output.event)}`
    case 'left':
    case 'removed':
      return output.kind
  }
}

function describeMessage(message: PeerMessage, name: Name): string {
  switch (message.kind) {
    case 'raft':
      return describeRaft(message.message)
    case 'join':
    case 'removed':
      return `${message.kind} ${name(message.member)}`
    case 'leave':
      return `leave ${name(message.member)} (${message.fate})`
    case 'gossip': {
      const { role, term, commit, applied } = message.position
      return `gossip ${role} t${term} c${commit} a${applied}`
    }
    case 'snapshotChunk': {
      const { term, metadata, bytes, offset, data, round } = message.chunk
      const end = offset + data.length
      return `snapshot t${term} ${metadata.term}/${metadata.index} ${offset}..${end} of ${bytes}, round ${round}`
    }
    case 'snapshotAck': {
      const { name, verdict, offset, round } = message.ack
      return `snapshot ${name.term}/${name.index} ${verdict}, ${offset} there, round ${round}`
    }
  }
}

function describeRaft(message: Message): string {
  const { type, term, logTerm, index, commit, entries, snapshot, reject, rejectHint } = message
  let text = `${type} t${term} ${logTerm}/${index} c${commit}`
  if (reject) text += ` reject, hint ${rejectHint}`
  for (const entry of entries) text += ` ${entry.term}/${entry.index}${entry.type === 'normal' ? '' : '*'}`
  if (snapshot !== null) text += ` snapshot ${snapshot.metadata.term}/${snapshot.metadata.index}`
  return text
}

function describeWrite({ hardState, entries, install, compaction }: WalWrite): string {
  const parts: string[] = []
  if (hardState !== null) parts.push(`t${hardState.term} vote ${hardState.vote} c${hardState.commit}`)
  if (entries.length > 0) parts.push(`${entries[0]?.index}..${entries.at(-1)?.index}`)
  if (install !== null) parts.push(`install ${install.metadata.index}`)
  if (compaction !== null)
    parts.push(`snapshot ${compaction.snapshot.metadata.index}, log from ${compaction.compactTo}`)
  return parts.join(', ')
}
