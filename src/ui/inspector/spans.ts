/** What holds from `at` until the next one. */
export type Span<T> = T & { readonly until: number }

/** The part of them between `from` and `to`, the last one lasting until `to`. */
export function spansOf<T extends { readonly at: number }>(marks: readonly T[], from: number, to: number): Span<T>[] {
  return marks.flatMap((mark, index) => {
    const until = Math.min(to, marks[index + 1]?.at ?? to)
    if (until < from || mark.at > to) return []
    return [{ ...mark, at: Math.max(from, mark.at), until }]
  })
}
