import { type Figures, figuresOf, since } from './figures.ts'
import type { InspectorSource, StorageFigures } from './source.ts'

/** What has to be asked for, again and again. Null until it was answered. */
export interface Measured {
  readonly storage: StorageFigures | null
  readonly figures: Figures | null
  /** Of the durable writes since the last measurement; or, there being none, the last that there were. */
  readonly durableMs: number | null
  readonly appliedPerSecond: number | null
}

export const notMeasured: Measured = { storage: null, figures: null, durableMs: null, appliedPerSecond: null }

const intervalMs = 2_000

/** Asks until it is aborted, one question after another: a worker that stands still is not asked twice. */
export async function measure(
  source: Pick<InspectorSource, 'metrics' | 'storage'>,
  onMeasured: (measured: Measured) => void,
  signal: AbortSignal,
): Promise<void> {
  let last: { readonly measured: Measured; readonly at: number } | null = null
  while (!signal.aborted) {
    // A worker that just ended answers nothing; the next one will.
    const [text, storage] = await Promise.all([source.metrics().catch(() => null), source.storage().catch(() => null)])
    if (signal.aborted) return
    const at = performance.now()
    const figures = text === null ? null : figuresOf(text)
    const before = last?.measured
    const measured: Measured = {
      storage: storage ?? before?.storage ?? null,
      figures: figures ?? before?.figures ?? null,
      durableMs:
        figures === null
          ? null
          : (since(before?.figures?.durableWrites, figures.durableWrites).meanMs ?? before?.durableMs ?? null),
      appliedPerSecond: rate(before?.figures ?? null, figures, last === null ? 0 : at - last.at),
    }
    last = { measured, at }
    onMeasured(measured)
    await pause(intervalMs, signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

function rate(before: Figures | null, now: Figures | null, elapsedMs: number): number | null {
  if (before === null || now === null || now.applied < before.applied || elapsedMs <= 0) return null
  return (1000 * (now.applied - before.applied)) / elapsedMs
}
