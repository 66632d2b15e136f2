import { isBuiltin } from 'node:module'
import { basename } from 'node:path/posix'
import ts from 'typescript'
import {
  bannedImports,
  bannedNames,
  defaultExportAllowed,
  entries,
  fileLinesMax,
  impureGlobals,
  machinePath,
  publicFaces,
  type Room,
  rooms,
} from './rules.ts'
import { lineOf, type Source, walk } from './source.ts'

/** The files of the project by path. Each check says what is wrong, a line each; an empty answer is a clean house. */
export type House = ReadonlyMap<string, Source>

export function importDirections(house: House): string[] {
  return eachImport(house, (source, { target, specifier }) => {
    const room = roomOf(source.path)
    if (room === null || target === null || room.mayImport === 'everything') return null
    const other = roomOf(target)
    if (other === room || other === null) return null
    if (room.mayImport.includes(other.folder) || room.mayImport.includes(target)) return null
    return `${specifier}: ${room.folder} may import ${list(room.mayImport)}`
  })
}

export function packagesInTheirRooms(house: House): string[] {
  return eachImport(house, (source, { target, specifier }) => {
    const room = roomOf(source.path)
    if (room === null || target !== null || room.mayImport === 'everything') return null
    if (isBuiltin(specifier)) return room.node ? null : `${specifier}: no Node in ${room.folder}`
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    return room.packages.includes(name) ? null : `${specifier}: ${room.folder} may use ${list(room.packages)}`
  })
}

export function bannedModules(house: House): string[] {
  return eachImport(house, (_, { specifier, typeOnly }) => {
    const instead = bannedImports[specifier]
    return instead === undefined || typeOnly ? null : `${specifier}: import ${instead} instead`
  })
}

/** Every relative import names a file as it is, suffix included. */
export function importsNameFiles(house: House): string[] {
  return eachImport(house, (_, { target, specifier }) =>
    target === null || house.has(target) ? null : `${specifier}: there is no ${target}`,
  )
}

/** No `export *`, and no file that only passes on what others export. */
export function barrels(house: House): string[] {
  return eachScript(house, (script, { path }) => {
    if (publicFaces.includes(path)) return []
    const stars = script.statements.filter(
      statement => ts.isExportDeclaration(statement) && statement.moduleSpecifier && !statement.exportClause,
    )
    const onlyPassesOn =
      script.statements.length > 0 &&
      script.statements.every(statement => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined)
    return [...stars.map(star => `${lineOf(star)}: export *`), ...(onlyPassesOn ? ['1: only passes on exports'] : [])]
  })
}

export function defaultExports(house: House): string[] {
  return eachScript(house, (script, { path }) => {
    if (matches(path, defaultExportAllowed)) return []
    return script.statements.filter(isDefaultExport).map(statement => `${lineOf(statement)}: default export`)
  })
}

export function impurity(house: House): string[] {
  return eachScript(house, (script, { path }) => {
    if (roomOf(path)?.pure === undefined) return []
    const found: string[] = []
    walk(script, node => {
      const what = impure(node)
      if (what !== null) found.push(`${lineOf(node)}: ${what}`)
    })
    return found
  })
}

/** A test that is not run must say why: by a reason beside the condition, or by a title that begins with "skipped: ". */
export function silencedTests(house: House): string[] {
  return eachScript(house, (script, { path }) => {
    if (!path.startsWith('tests/')) return []
    const found: string[] = []
    walk(script, node => {
      if (!ts.isCallExpression(node)) return
      const called = silencing.exec(node.expression.getText())?.[1]
      if (called === undefined || (called === 'skip' && saysWhy(node))) return
      found.push(`${lineOf(node)}: .${called}`)
    })
    return found
  })
}

const silencing = /^(?:test|it|describe|suite|bench)\b.*\.(only|skip|skipIf|runIf|fixme|todo)$/

function saysWhy({ arguments: [first, second] }: ts.CallExpression): boolean {
  if (first === undefined) return false
  if (ts.isStringLiteralLike(first) || ts.isTemplateExpression(first)) return /^.skipped: ./.test(first.getText())
  return second !== undefined && ts.isStringLiteralLike(second)
}

/** A test waits for an event. One that sleeps is slow on a fast machine and wrong on a slow one. */
export function sleepingTests(house: House): string[] {
  return eachScript(house, (script, { path }) => {
    if (!path.startsWith('tests/')) return []
    const found: string[] = []
    walk(script, node => {
      if (isSleep(node)) found.push(`${lineOf(node)}: sleeps`)
    })
    return found
  })
}

export function longFiles(house: House): string[] {
  return [...house.values()].flatMap(({ path, text }) => {
    const lines = text.split('\n').length
    return lines > fileLinesMax ? [`${path}: ${lines} lines, of at most ${fileLinesMax}`] : []
  })
}

export function emptyNames(house: House): string[] {
  return [...house.keys()].filter(path => !path.endsWith('.html') && bannedNames.test(basename(path)))
}

export function deadFiles(house: House): string[] {
  const live = new Set([...house.keys()].filter(path => matches(path, entries)))
  // A set that grows while it is walked is walked to its end.
  for (const path of live) {
    for (const { target } of house.get(path)?.imports ?? []) if (target !== null && house.has(target)) live.add(target)
  }
  return [...house.keys()].filter(path => !live.has(path) && roomOf(path) !== null)
}

/** Unlike the other checks this one is for files of any kind. */
export function machinePaths(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, at) => (machinePath.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  )
}

function roomOf(path: string): Room | null {
  const holding = rooms.filter(({ folder }) => path.startsWith(`${folder}/`))
  return holding.sort((a, b) => b.folder.length - a.folder.length)[0] ?? null
}

function matches(path: string, patterns: readonly string[]): boolean {
  return patterns.some(pattern => {
    const parts = pattern.split('*').map(part => part.replaceAll('.', '\\.'))
    return new RegExp(`^${parts.join('.*')}$`).test(path)
  })
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}

function eachImport(
  house: House,
  check: (source: Source, found: Source['imports'][number]) => string | null,
): string[] {
  return [...house.values()].flatMap(source =>
    source.imports.flatMap(found => {
      const wrong = check(source, found)
      return wrong === null ? [] : [`${source.path} imports ${wrong}`]
    }),
  )
}

function eachScript(house: House, check: (script: ts.SourceFile, source: Source) => readonly string[]): string[] {
  return [...house.values()].flatMap(source =>
    source.scripts.flatMap(script => check(script, source).map(wrong => `${source.path}:${wrong}`)),
  )
}

function isDefaultExport(statement: ts.Statement): boolean {
  if (ts.isExportAssignment(statement)) return true
  if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
    return statement.exportClause.elements.some(({ name }) => name.text === 'default')
  }
  return (
    ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)
  )
}

function impure(node: ts.Node): string | null {
  if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) return 'async'
  if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') return 'Math.random'
  if (!ts.isIdentifier(node) || !impureGlobals.includes(node.text)) return null
  return namesAMember(node) || ts.isPartOfTypeNode(node) ? null : node.text
}

/** The name after a dot, or of a property or method: somebody's own, whatever it is called. */
function namesAMember(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  return (
    (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent)) &&
    parent.name === node
  )
}

function isSleep(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.moduleSpecifier.getText().includes('timers/promises')
  if (!ts.isCallExpression(node)) return false
  if (node.expression.getText().endsWith('.waitForTimeout')) return true
  const [callback, delay] = node.arguments
  if (node.expression.getText() !== 'setTimeout' || callback === undefined || !ts.isIdentifier(callback)) return false
  // setTimeout(resolve, n): a timer that does nothing but let time pass. A delay of 0 only lets others go first.
  return delay !== undefined && delay.getText() !== '0' && isParameterOfPromise(callback)
}

function isParameterOfPromise(callback: ts.Identifier): boolean {
  const executor = ts.findAncestor(callback, ts.isArrowFunction)
  return (
    executor !== undefined &&
    ts.isNewExpression(executor.parent) &&
    executor.parent.expression.getText() === 'Promise' &&
    executor.parameters[0]?.name.getText() === callback.text
  )
}
