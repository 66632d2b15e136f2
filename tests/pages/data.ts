import * as flotilla from '../../src/client/flotilla.ts'

/** The public API on a page without an app, for `tests/e2e/data.spec.ts` to drive. */
declare global {
  interface Window {
    api: typeof flotilla & typeof own
    /** The page's database, between two calls of a test. */
    db: flotilla.Database
  }
}

const own = {
  /** The file that was put into the page's input. */
  chosen(): File {
    const file = document.querySelector('input')?.files?.[0]
    if (file === undefined) throw new Error('no file was chosen')
    return file
  },

  /** Hands a file to the browser's downloads. */
  download(file: Blob): void {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(file)
    link.download = 'backup.flotilla'
    link.click()
  },

  /** The code of the error that something ends with, or 'done'. */
  async outcome(promise: Promise<unknown>): Promise<string> {
    try {
      await promise
      return 'done'
    } catch (error) {
      if (error instanceof flotilla.FlotillaError) return error.code
      throw error
    }
  },
}

window.api = { ...flotilla, ...own }
