import type { EpochMs } from '../worker/protocol.ts'

export function nowMs(): EpochMs {
  return performance.timeOrigin + performance.now()
}
