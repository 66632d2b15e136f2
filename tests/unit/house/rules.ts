/**
 * The house: which room each file is in, what a room may import, and what nobody may do. The table is that of
 * `docs/architecture.md`; change both together.
 */
export interface Room {
  readonly folder: string
  /** Other rooms, or single files of them. Within a room everything may import everything. */
  readonly mayImport: readonly string[] | 'everything'
  readonly packages: readonly string[]
  /** No timer, clock, randomness of its own, I/O, promise or DOM: the same inputs give the same outputs. */
  readonly pure?: true
  /** Runs in Node, so its built-in modules are there. */
  readonly node?: true
}

/** What the rooms say to each other, in plain data: an outer room may name it without knowing the machine that means it. */
const contracts = [
  ...['src/raft/types.ts', 'src/store/types.ts', 'src/replica/types.ts'],
  ...['src/worker/protocol.ts', 'src/worker/data-protocol.ts'],
]

/** A file is in the room with the longest folder that holds it. */
export const rooms: readonly Room[] = [
  { folder: 'src/raft', mayImport: [], packages: [], pure: true },
  { folder: 'src/store', mayImport: [], packages: ['sorted-btree'], pure: true },
  { folder: 'src/binary', mayImport: ['src/raft/types.ts'], packages: [], pure: true },
  { folder: 'src/replica', mayImport: ['src/raft', 'src/store'], packages: [], pure: true },
  { folder: 'src/wal', mayImport: [...contracts, 'src/binary', 'src/store/command-codec.ts'], packages: ['idb'] },
  { folder: 'src/net', mayImport: [...contracts, 'src/binary'], packages: [] },
  { folder: 'src/net/page', mayImport: [...contracts, 'src/binary', 'src/net'], packages: ['simple-peer'] },
  { folder: 'src/net/worker', mayImport: [...contracts, 'src/binary', 'src/net'], packages: [] },
  {
    folder: 'src/worker',
    mayImport: [...contracts, 'src/replica', 'src/wal', 'src/net', 'src/net/worker'],
    packages: ['comlink'],
  },
  {
    folder: 'src/client',
    // The worker's main file is not imported but named, as the address of the worker to start. What every member would refuse
    // is refused before it is numbered, by the store's own rules. What a file says of itself is read where a person chose it.
    mayImport: [
      ...[...contracts, 'src/worker/main.ts', 'src/net/page', 'src/wal/backup-file.ts'],
      ...['src/store/validate.ts', 'src/store/limits.ts'],
    ],
    packages: ['comlink'],
  },
  { folder: 'src/offline', mayImport: [], packages: ['workbox-precaching', 'workbox-routing'] },
  { folder: 'src/ui', mayImport: ['src/client', 'src/offline/protocol.ts'], packages: ['svelte', 'uqr'] },
  { folder: 'src/testing', mayImport: ['src/client'], packages: ['@playwright/test'], node: true },
  {
    folder: 'signaling',
    mayImport: ['src/net/signaling-protocol.ts'],
    packages: ['ws', 'sirv', 'ioredis', 'pino', 'prom-client', 'vite'],
    node: true,
  },
  {
    folder: 'gateway',
    mayImport: ['src/raft/types.ts', 'src/store', 'src/replica', 'src/wal/memory-wal.ts'],
    packages: ['@grpc/grpc-js', '@grpc/proto-loader', 'etcd3'],
    node: true,
  },
  { folder: 'tests', mayImport: 'everything', packages: [], node: true },
  { folder: 'bench', mayImport: 'everything', packages: [], node: true },
  { folder: 'scripts', mayImport: [], packages: ['playwright', 'vite'], node: true },
]

/** What a pure room may not name. Types do not count: a port may well speak of a `Promise`. */
export const impureGlobals: readonly string[] = [
  ...['Date', 'performance', 'Temporal', 'crypto', 'Promise', 'console', 'globalThis', 'window', 'document'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'requestAnimationFrame', 'structuredClone'],
  ...['indexedDB', 'navigator', 'fetch', 'postMessage', 'process', 'WeakRef', 'FinalizationRegistry', 'Intl'],
]

/** Where a run starts: what none of these reaches is dead. Paths, `*` standing for any part of a path. */
export const entries: readonly string[] = [
  'index.html',
  // Built by itself, and named in vite.config.ts.
  'src/offline/service-worker.ts',
  'signaling/main.ts',
  'bench/main.ts',
  'gateway/main.ts',
  'tests/differential/main.ts',
  'bench/pages/*.html',
  'bench/pages/loads.ts',
  'scripts/start.mjs',
  'scripts/test.mjs',
  'scripts/sizes.mjs',
  'scripts/icons.mjs',
  'scripts/require-node.cjs',
  'tests/sim/main.ts',
  'tests/fuzz/main.ts',
  'tests/conformance/raft-scripts.ts',
  'tests/linearizability/main.ts',
  'tests/e2e/global-setup.ts',
  'tests/pages/*.html',
  'bench/pages/*.html',
  'tests/*.test.ts',
  'tests/*.spec.ts',
  '*.config.ts',
  '*.d.ts',
]

/** What the package shows the world: one file that only passes on, and the only one. */
export const publicFaces: readonly string[] = ['src/client/flotilla.ts']

/** Tools that find a file's purpose in its default export. */
export const defaultExportAllowed: readonly string[] = ['*.config.ts', 'tests/e2e/global-setup.ts', '*.d.ts']

/** Names that say nothing about what is inside; and `index`, which invites imports to say nothing. */
export const bannedNames = /^(utils?|helpers?|misc|common|shared|index|.*[mM]anager)\.\w+$/

export const fileLinesMax = 500

/** Paths of somebody's machine have no place in a file that everybody gets. */
export const machinePath = /(^|[\s'"`(=:])\/(work|tmp|root|home|Users)\/\w/

/** Modules that do not survive Vite, and what to import instead. */
export const bannedImports: Readonly<Record<string, string>> = {
  'simple-peer': 'simple-peer/simplepeer.min.js',
}
