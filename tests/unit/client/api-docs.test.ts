import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'node:util'
import ts from 'typescript'
import { describe, expect, test, vi } from 'vitest'
import { Config } from '../../../src/client/config.ts'
import { Database } from '../../../src/client/database.ts'
import { Election, Seat } from '../../../src/client/election.ts'
import { Faults } from '../../../src/client/faults.ts'
import * as flotilla from '../../../src/client/flotilla.ts'
import { Lease } from '../../../src/client/lease.ts'
import { Lock } from '../../../src/client/lock.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { Observable } from '../../../src/client/readable.ts'
import { Registration, Service } from '../../../src/client/service.ts'
import { Transaction } from '../../../src/client/transact.ts'
import { Txn } from '../../../src/client/txn.ts'
import { Watch } from '../../../src/client/watch.ts'
import { readBackup } from '../../../src/wal/backup-file.ts'
import { makeBackup } from '../../../src/worker/exporting.ts'
import { asResult } from '../../../src/worker/failure.ts'
import { aloneStatus } from './fake-host.ts'
import { harmlessFaults } from './harmless-faults.ts'
import { Tabs } from './tabs.ts'

/**
 * What the reader is promised at the top of docs/api.md: every example compiles against the public API and runs. Each has a
 * cluster of its own, and `db` and `other`, two tabs of it. What it prints is the comment behind `console.log`, where several
 * prints of one line are separated by ", then ".
 */

const root = join(import.meta.dirname, '../../..')

interface Example {
  readonly line: number
  readonly code: string
}

const text = readFileSync(join(root, 'docs/api.md'), 'utf8')

/** What the language calls by itself, and what is for those who put the parts together. */
const unsaid = new Set(['constructor', 'next', 'return', 'lose'])

const examples: Example[] = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ 1: code = '', index, input }) => ({
  line: input.slice(0, index).split('\n').length + 1,
  code,
}))

const preamble = `import type { Database } from 'flotilla'
declare global { const db: Database; const other: Database }
`

const clusterId = '0123456789abcdef0123456789abcdef'

function tabOf(tabs: Tabs, role: flotilla.TabRole = 'editor'): Database {
  return new Database({
    connection: tabs.open(role).connection,
    role,
    invite: 'flotilla1-of-this-cluster',
    viewerInvite: 'flotilla1v-of-this-cluster',
    clusterId,
    status: aloneStatus,
    signaling: new Observable('connected'),
    faults: harmlessFaults(),
    metrics: async () => '',
    exportData: goOn => asResult(() => makeBackup(clusterId, tabs.beginExport(), async fraction => goOn(fraction))),
    leave: async () => {},
    close: async () => {},
  })
}

vi.stubGlobal('navigator', {
  storage: { estimate: async () => ({ usage: 50 * 2 ** 20, quota: 10 * 2 ** 30 }), persisted: async () => false },
})

/** Runs an example as the body of a function; its imports are taken from what it is handed. */
async function run(code: string): Promise<string[]> {
  const tabs = new Tabs()
  const [db, other] = [tabOf(tabs), tabOf(tabs)]
  const create = async ({ data }: Partial<flotilla.CreateOptions>) => {
    return tabOf(data === undefined ? tabs : new Tabs((await readBackup(data)).data))
  }
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const body = outputText
    .replaceAll(/^import \{(.*)\} from 'flotilla';$/gm, (_, names: string) => {
      return `const {${names.replaceAll(' as ', ': ')}} = flotilla;`
    })
    .replace(/^export \{\};$/m, '')
  const printed: string[] = []
  const console = { log: (...values: unknown[]) => printed.push(format(...values)) }
  // An example that declares `db` itself hides the one it is handed.
  const recover = async ({ onStep }: flotilla.RecoverOptions) => {
    for (const step of ['listening', 'founding', 'opening'] as const) onStep?.(step)
    return { database: tabOf(tabs), report: { revision: 42, missing: [{ member: 1 }, { member: 2 }] } }
  }
  const held = async () => [{ clusterId, members: [1, 2] }]
  const open = async ({ invite }: flotilla.OpenOptions) => {
    return tabOf(tabs, invite.startsWith('flotilla1v-') ? 'viewer' : 'editor')
  }
  const elsewhere = { create, open, recover, held, erase: async () => {} }
  const scope = { db, other, flotilla: { ...flotilla, ...elsewhere }, console }
  const main = new Function(...Object.keys(scope), `return (async () => {${body}\n})()`)
  await main(...Object.values(scope))
  for (const tab of [db, other]) await tab.close()
  return printed
}

function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].flatMap(({ 1: text = '' }) => text.split(', then '))
}

describe('docs/api.md', () => {
  const classes = [
    Database,
    Namespace,
    Txn,
    Transaction,
    Watch,
    Lease,
    Lock,
    Election,
    Seat,
    Service,
    Registration,
    Config,
    Faults,
  ]
  test.each(classes.map(({ name, prototype }) => ({ name, prototype })))(
    'names all that can be asked of a $name',
    ({ prototype }) => {
      const names = Object.getOwnPropertyNames(prototype).filter(name => !unsaid.has(name))
      expect(names.filter(name => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([])
    },
  )

  test('every example compiles', { timeout: 60_000 }, () => {
    const config = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile)
    const { options } = ts.convertCompilerOptionsFromJson(config.config.compilerOptions, root)
    const files = new Map(
      examples.map(({ line, code }) => [join(root, `docs/api.md:${line}.ts`), `${code}\nexport {}\n`]),
    )
    files.set(join(root, 'docs/preamble.d.ts'), preamble)
    const compilerOptions: ts.CompilerOptions = {
      ...options,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: ['vite/client'],
      paths: { flotilla: [join(root, 'src/client/flotilla.ts')] },
      noUnusedLocals: false,
    }
    const host = ts.createCompilerHost(compilerOptions)
    const { readFile, fileExists, getSourceFile } = host
    host.readFile = name => files.get(name) ?? readFile(name)
    host.fileExists = name => files.has(name) || fileExists(name)
    host.getSourceFile = (name, ...rest) => {
      const code = files.get(name)
      return code === undefined
        ? getSourceFile(name, ...rest)
        : ts.createSourceFile(name, code, ts.ScriptTarget.ESNext, true)
    }
    const roots = [...files.keys(), join(root, 'src/net/page/simple-peer.d.ts')]
    const program = ts.createProgram(roots, compilerOptions, host)
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const { line } = file?.getLineAndCharacterOfPosition(start) ?? { line: 0 }
      return `${file?.fileName}, line ${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
    expect(problems).toEqual([])
  })

  test('has examples', () => {
    expect(examples.length).toBeGreaterThan(15)
  })

  test.each(examples)('the example at line $line does what it says', async ({ code }) => {
    expect(await run(code)).toEqual(promised(code))
  })
})
