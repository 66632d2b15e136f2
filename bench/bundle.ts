import { clientCode, gzippedFiles } from '../scripts/sizes.mjs'

/** Bytes, minified and gzipped, that an application takes on with the client. */
export interface BundleSize {
  /** What the page loads. */
  readonly page: number
  readonly worker: number
}

export async function measureBundle(): Promise<BundleSize> {
  const files = await gzippedFiles(clientCode)
  const sum = (worker: boolean) =>
    files.filter(file => file.worker === worker).reduce((bytes, file) => bytes + file.bytes, 0)
  return { page: sum(false), worker: sum(true) }
}
