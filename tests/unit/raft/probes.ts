import { newMessage } from '../../../src/raft/message.ts'
import type { MemberId, Message, MessageType } from '../../../src/raft/types.ts'
import { Network } from './network.ts'

/** Three voters, of whom 1 leads term 2; index 2 is its empty entry. */
export function three(config = {}): Network {
  const net = new Network({ voters: [1, 2, 3], config })
  net.campaign(1)
  return net
}

export const roles = (net: Network) => [...net.peers.values()].map(({ node }) => node.role)

/** Everything that was sent since, of one kind. */
export const sent = (net: Network, type: MessageType) => net.sent.filter(message => message.type === type)

/** What a member answers to one message out of the blue. */
export function answerOf(net: Network, to: MemberId, message: Message): Message | undefined {
  net.sent.length = 0
  net.peer(to).receive(message)
  net.peer(to).turn()
  return net.sent.find(({ from }) => from === to)
}

export function message(
  type: MessageType,
  to: MemberId,
  from: MemberId,
  term: number,
  fields: Partial<Message> = {},
): Message {
  return { ...newMessage(type, to, from, term), ...fields }
}
