/** `npm run sizes`: what the client weighs, and each dependency in it, as a browser would fetch them. */
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { root } from './setup.mjs'

/**
 * Bundles a module as an application's build would, with everything it reaches, workers included.
 * @param {string} code of a module, as if it stood in the project's root
 * @returns {Promise<{ bytes: number, worker: boolean }[]>} its JavaScript files, each minified and gzipped
 */
export async function gzippedFiles(code) {
  const entry = 'virtual:measured'
  const result = await build({
    root,
    logLevel: 'error',
    configFile: false,
    worker: { format: 'es' },
    build: { write: false, modulePreload: false, rolldownOptions: { input: entry } },
    plugins: [
      {
        name: 'measured',
        resolveId: id => (id === entry ? `${root}/measured.js` : null),
        load: id => (id === `${root}/measured.js` ? code : null),
      },
    ],
  })
  const files = [result].flat().flatMap(part => ('output' in part ? part.output : []))
  return files
    .filter(({ fileName }) => fileName.endsWith('.js'))
    .map(file => ({
      bytes: gzipSync(file.type === 'chunk' ? file.code : file.source, { level: 9 }).length,
      // A worker is bundled by itself; to the page's bundle its file is an asset.
      worker: file.type === 'asset',
    }))
}

/** @param {string} code as in `gzippedFiles` @returns {Promise<number>} of all its files together */
async function gzippedBytes(code) {
  return (await gzippedFiles(code)).reduce((sum, { bytes }) => sum + bytes, 0)
}

/** The client with its worker: what an application takes on. */
export const clientCode = `export * from './src/client/flotilla.ts'; globalThis.keep = await import('./src/client/flotilla.ts')`

/** What we use of each package, by name. */
const used = {
  'simple-peer': `import Peer from 'simple-peer/simplepeer.min.js'; globalThis.keep = Peer`,
  idb: `import { deleteDB, openDB } from 'idb'; globalThis.keep = [deleteDB, openDB]`,
  comlink: `import { expose, wrap } from 'comlink'; globalThis.keep = [expose, wrap]`,
  'sorted-btree': `import { EmptyBTree } from 'sorted-btree'; globalThis.keep = EmptyBTree`,
  uqr: `import { encode } from 'uqr'; globalThis.keep = encode`,
  'workbox-precaching, workbox-routing': `import { PrecacheController, PrecacheRoute } from 'workbox-precaching'; import { registerRoute } from 'workbox-routing'; globalThis.keep = [PrecacheController, PrecacheRoute, registerRoute]`,
  svelte: `import { mount, unmount } from 'svelte'; globalThis.keep = [mount, unmount]`,
}

const measured = { 'client with its worker': clientCode, ...used }
if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, code] of Object.entries(measured)) {
    console.log(`${name.padEnd(36)} ${((await gzippedBytes(code)) / 1024).toFixed(1).padStart(6)} KiB gzip`)
  }
}
