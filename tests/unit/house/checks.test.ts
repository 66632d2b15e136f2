import { expect, test } from 'vitest'
import {
  bannedModules,
  barrels,
  deadFiles,
  defaultExports,
  emptyNames,
  type House,
  importDirections,
  importsNameFiles,
  impurity,
  longFiles,
  machinePaths,
  packagesInTheirRooms,
  silencedTests,
  sleepingTests,
} from './checks.ts'
import { fileLinesMax } from './rules.ts'
import { readSource } from './source.ts'

/** Each check must be able to fail, and must let pass what is right. */
function houseOf(files: Record<string, string>): House {
  return new Map(Object.entries(files).map(([path, content]) => [path, readSource(path, content)]))
}

function one(path: string, content: string): House {
  return houseOf({ [path]: content })
}

test.each([
  ['a value', `import { Store } from '../store/store.ts'`],
  ['a type', `import type { Store } from '../store/store.ts'`],
  ['a type in place', `let store: import('../store/store.ts').Store`],
  ['a lazy import', `const store = await import('../store/store.ts')`],
  ['an export', `export { Store } from '../store/store.ts'`],
  ['the address of a worker', `new Worker(new URL('../store/store.ts', import.meta.url))`],
])('raft may not import from the store: %s', (_, line) => {
  expect(importDirections(one('src/raft/raft.ts', line))).toEqual([expect.stringContaining('may import nothing')])
})

test('a Svelte component is held to its room, too', () => {
  const component = `<script lang="ts">\n  import { Wal } from '../wal/wal.ts'\n</script>\n<p>wal</p>`
  expect(importDirections(one('src/ui/Panel.svelte', component))).toHaveLength(1)
})

test('the page half and the worker half of the network do not know each other, but both know what they share', () => {
  const house = houseOf({
    'src/net/page/mesh.ts': `import '../worker/links.ts'\nimport '../links-protocol.ts'`,
    'src/net/worker/links.ts': `import '../page/mesh.ts'\nimport '../frames.ts'`,
  })
  expect(importDirections(house)).toHaveLength(2)
})

test('a room may know one file of another and not the rest', () => {
  const types = `import type { Entry } from '../raft/types.ts'`
  expect(importDirections(one('src/wal/wal.ts', types))).toEqual([])
  expect(importDirections(one('src/wal/wal.ts', types.replace('types', 'raft')))).toHaveLength(1)
})

test('tests and benchmarks may import everything', () => {
  expect(importDirections(one('bench/main.ts', `import '../src/raft/raft.ts'`))).toEqual([])
})

test('a package in the wrong room', () => {
  expect(packagesInTheirRooms(one('src/raft/raft.ts', `import BTree from 'sorted-btree'`))).toHaveLength(1)
  expect(packagesInTheirRooms(one('src/store/mvcc.ts', `import BTree from 'sorted-btree'`))).toEqual([])
  expect(packagesInTheirRooms(one('src/client/db.ts', `import 'node:fs'`))).toHaveLength(1)
  expect(packagesInTheirRooms(one('signaling/main.ts', `import 'node:fs'`))).toEqual([])
})

test('the plain form of simple-peer', () => {
  expect(bannedModules(one('src/net/page/mesh.ts', `import Peer from 'simple-peer'`))).toHaveLength(1)
  expect(bannedModules(one('src/net/page/mesh.ts', `import Peer from 'simple-peer/simplepeer.min.js'`))).toEqual([])
  expect(bannedModules(one('src/net/page/mesh.ts', `import type Peer from 'simple-peer'`))).toEqual([])
})

test('an import without its suffix', () => {
  const house = houseOf({ 'src/raft/a.ts': `import './b'\nimport './b.ts'`, 'src/raft/b.ts': '' })
  expect(importsNameFiles(house)).toEqual(['src/raft/a.ts imports ./b: there is no src/raft/b'])
})

test('barrels', () => {
  expect(barrels(one('src/raft/all.ts', `export const a = 1\nexport * from './b.ts'`))).toHaveLength(1)
  expect(barrels(one('src/raft/all.ts', `export { a } from './a.ts'\nexport { b } from './b.ts'`))).toHaveLength(1)
  expect(barrels(one('src/raft/a.ts', `export { b } from './b.ts'\nexport const a = 1`))).toEqual([])
})

test.each(['export default 1', 'export default class A {}', 'const a = 1\nexport { a as default }'])('%s', line => {
  expect(defaultExports(one('src/raft/raft.ts', line))).toHaveLength(1)
  expect(defaultExports(one('vite.config.ts', line))).toEqual([])
})

test.each([
  'const now = Date.now()',
  'const x = Math.random()',
  'setTimeout(run, 10)',
  'new Promise(run)',
  'async function run() {}',
  'console.log(1)',
  'globalThis.fetch',
  'const later = { setTimeout }',
])('impure: %s', line => {
  expect(impurity(one('src/raft/raft.ts', line))).not.toEqual([])
  expect(impurity(one('src/worker/clock.ts', line))).toEqual([])
})

test.each([
  'interface Wal { append(): Promise<void> }',
  'entry.Date',
  'const names = { Date: 1 }',
  '// Date.now() is not for us',
  'Math.max(1, 2)',
])('pure: %s', line => {
  expect(impurity(one('src/replica/types.ts', line))).toEqual([])
})

test.each([
  `test.only('a', run)`,
  `it.skip('a', run)`,
  `test.describe.only('a', run)`,
  `test.skip(isFirefox)`,
  `test.skipIf(isFirefox)('a', run)`,
])('silenced: %s', line => {
  expect(silencedTests(one('tests/unit/a.test.ts', line))).toHaveLength(1)
})

test.each([`test.skip(isFirefox, 'Firefox has no freeze event')`, 'test.skip(`skipped: no data here`, run)'])(
  'skipped with a reason: %s',
  line => {
    expect(silencedTests(one('tests/e2e/a.spec.ts', line))).toEqual([])
  },
)

test.each([
  'await new Promise(resolve => setTimeout(resolve, 100))',
  'await page.waitForTimeout(100)',
  `import { setTimeout } from 'node:timers/promises'`,
])('sleeps: %s', line => {
  expect(sleepingTests(one('tests/unit/a.test.ts', line))).toHaveLength(1)
})

test('a timer that acts is no sleep', () => {
  expect(sleepingTests(one('tests/unit/a.test.ts', `const timer = setTimeout(() => reject(late), 100)`))).toEqual([])
})

test('a file over the limit', () => {
  expect(longFiles(one('src/raft/raft.ts', '\n'.repeat(fileLinesMax - 1)))).toEqual([])
  expect(longFiles(one('src/raft/raft.ts', '\n'.repeat(fileLinesMax)))).toHaveLength(1)
})

test.each(['utils.ts', 'helper.ts', 'index.ts', 'session-manager.ts', 'LinkManager.ts'])(
  'a name that says nothing: %s',
  name => {
    expect(emptyNames(one(`src/raft/${name}`, ''))).toHaveLength(1)
  },
)

test('a file that nothing reaches', () => {
  const house = houseOf({
    'index.html': '<script type="module" src="/src/ui/main.ts"></script>',
    'src/ui/main.ts': `import App from './App.svelte'`,
    'src/ui/App.svelte': `<script>import './app.css'</script>`,
    'src/ui/app.css': '',
    'src/ui/Old.svelte': `<script>import './old.ts'</script>`,
    'src/ui/old.ts': '',
  })
  expect(deadFiles(house)).toEqual(['src/ui/Old.svelte', 'src/ui/old.ts'])
})

test('paths of a machine', () => {
  const path = ['', 'home', 'ann', 'flotilla'].join('/')
  expect(machinePaths(new Map([['docs/a.md', `line\ncd ${path}`]]))).toEqual([`docs/a.md:2: cd ${path}`])
  expect(machinePaths(new Map([['docs/a.md', 'see https://example.com/home/ann']]))).toEqual([])
})
