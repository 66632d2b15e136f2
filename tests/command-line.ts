/** What was asked for on a command line makes no sense; the message says in one line why. */
export class UsageError extends Error {}

/** Whether somebody is to be pointed to `--help`: a UsageError, or what `parseArgs` says of options that do not exist. */
export function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true
  return error instanceof Error && 'code' in error && `${error.code}`.startsWith('ERR_PARSE_ARGS')
}

/** The value of `--name`. Throws UsageError for what is none. */
export function wholeNumber(name: string, value: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= min && number <= max) return number
  throw new UsageError(`--${name} takes a whole number from ${min}, not ${JSON.stringify(value)}`)
}
