import { EVERY_KEY } from './bytes.ts'
import { storeError } from './errors.ts'
import { HASH_SEED, mixKeyValue } from './hash.ts'
import type { Mvcc } from './mvcc.ts'
import type { Revision } from './types.ts'

/**
 * A digest of what can be read at `revision` (0 or less: now) and of how it came to be: the keys as of the compacted revision,
 * and every change since. Of what compaction made unreachable nothing goes in, as members free it in their own time.
 */
export function hashKv(mvcc: Mvcc, revision: Revision): number {
  const upTo = revision <= 0 ? mvcc.revision : revision
  if (revision > 0 && revision <= mvcc.compactRevision) throw storeError('COMPACTED')
  if (upTo > mvcc.revision) throw storeError('FUTURE_REVISION')
  let hash = HASH_SEED
  if (mvcc.compactRevision > 0) {
    mvcc.forEach(EVERY_KEY, mvcc.compactRevision, kv => {
      hash = mixKeyValue(hash, kv)
    })
  }
  const { log } = mvcc
  for (let id = log.firstAtOrAfter(mvcc.compactRevision + 1); id < log.end; id++) {
    if (log.modRevision(id) > upTo) break
    hash = mixKeyValue(hash, mvcc.keyValue(log.slot(id), id))
  }
  return hash
}
