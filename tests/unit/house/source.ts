import { dirname, join, normalize } from 'node:path/posix'
import ts from 'typescript'

/** What the checks need to know of one file. */
export interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
  /** The file's scripts: one for a module, any number for a page or a Svelte component. */
  readonly scripts: readonly ts.SourceFile[]
}

export interface Import {
  readonly specifier: string
  /** For a relative specifier the path it names, from the root of the project. */
  readonly target: string | null
  readonly typeOnly: boolean
  /** `export * from`, `export { x } from`. */
  readonly reexport: boolean
}

const scriptElement = /<script\b([^>]*)>([\s\S]*?)<\/script>/g
const isMarkup = (path: string): boolean => path.endsWith('.html') || path.endsWith('.svelte')

export function readSource(path: string, text: string): Source {
  const scripts = isMarkup(path) ? [...text.matchAll(scriptElement)].map(match => match[2] ?? '') : [text]
  const parsed = scripts.map(script =>
    ts.createSourceFile(path, script, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS),
  )
  return { path, text, scripts: parsed, imports: [...parsed.flatMap(importsOf), ...scriptAddresses(path, text)] }
}

/** Visits every node below, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  node.forEachChild(child => {
    visit(child)
    walk(child, visit)
  })
}

export function lineOf(node: ts.Node): number {
  const file = node.getSourceFile()
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
}

function importsOf(file: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, typeOnly = false, reexport = false): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    found.push({ specifier: specifier.text, target: targetOf(file.fileName, specifier.text), typeOnly, reexport })
  }
  walk(file, node => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly, true)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0])
    } else if (isModuleAddress(node)) {
      add(node.arguments?.[0])
    }
  })
  return found
}

/** `new URL('./main.ts', import.meta.url)`: how a worker's module is named. Other files are no modules. */
function isModuleAddress(node: ts.Node): node is ts.NewExpression {
  if (!ts.isNewExpression(node) || node.expression.getText() !== 'URL') return false
  const [address, base] = node.arguments ?? []
  return (
    address !== undefined &&
    ts.isStringLiteralLike(address) &&
    /\.m?[tj]s$/.test(address.text) &&
    base?.getText() === 'import.meta.url'
  )
}

/** `<script src="...">` of a page; an address from the root is one from the root of the project. */
function scriptAddresses(path: string, text: string): Import[] {
  if (!path.endsWith('.html')) return []
  return [...text.matchAll(scriptElement)].flatMap(([, attributes = '']) => {
    const specifier = /\bsrc="([^"]+)"/.exec(attributes)?.[1]
    if (specifier === undefined) return []
    return [{ specifier, target: targetOf(path, specifier), typeOnly: false, reexport: false }]
  })
}

function targetOf(path: string, specifier: string): string | null {
  const [address = ''] = specifier.split('?')
  if (address.startsWith('/')) return normalize(address.slice(1))
  if (address.startsWith('.')) return normalize(join(dirname(path), address))
  return null
}
