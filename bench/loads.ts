/**
 * The loads, free of any system under test: the same code runs in a tab against Flotilla and in Node against etcd.
 */

/** Bytes of every value written. */
export const valueBytes = 100
/** Writes of the throughput load that are on their way at any time. */
export const writesInFlight = 256
/** Loads write over and over to this many keys. */
const keysMax = 10_000

/** One request; resolves when it is answered. */
export type Request = (number: number) => Promise<unknown>

export interface OneByOne {
  /** Requests that are made but not counted. */
  readonly warmUp: number
  readonly count: number
}

export interface ManyAtOnce {
  readonly inFlight: number
  /** Time that passes before counting begins. */
  readonly warmUpMs: number
  readonly measureMs: number
}

export function keyOf(number: number): string {
  return `bench/${String(number % keysMax).padStart(5, '0')}`
}

/** Each request waits for the one before. Milliseconds that each took. */
export async function oneByOne(request: Request, { warmUp, count }: OneByOne): Promise<number[]> {
  const took: number[] = []
  for (let number = 0; number < warmUp + count; number += 1) {
    const began = performance.now()
    await request(number)
    if (number >= warmUp) took.push(performance.now() - began)
  }
  return took
}

/** Keeps `inFlight` requests going. How many were answered per second. */
export async function manyAtOnce(request: Request, { inFlight, warmUpMs, measureMs }: ManyAtOnce): Promise<number> {
  const began = performance.now() + warmUpMs
  const end = began + measureMs
  let number = 0
  let answered = 0
  const lane = async () => {
    for (;;) {
      await request(number++)
      const now = performance.now()
      if (now >= end) return
      if (now >= began) answered += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return (answered * 1000) / measureMs
}
