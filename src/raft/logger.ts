/**
 * Where the machine tells its story, in the words of etcd's raft, so that a trace can be laid beside one of etcd's.
 * Absent in production: no message is even built then.
 */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}
