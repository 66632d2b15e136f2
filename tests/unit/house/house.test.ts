import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
import { readSource } from './source.ts'

/** The house rules, held against this very project. What they are is said in `rules.ts`. */
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
const code = /\.(ts|mjs|cjs|svelte|html|css)$/
const text = /\.(ts|mjs|cjs|svelte|html|css|json|md|yml|yaml|txt|sh)$|^[^.]+$|^\.\w+(\/\w+)?$/

/** Everything git knows or would take in. */
function paths(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  // A file deleted and not yet committed is still listed.
  return listed
    .toString()
    .split('\n')
    .filter(path => path !== '' && existsSync(join(root, path)))
}

const texts = new Map(
  paths()
    .filter(path => text.test(path))
    .map(path => [path, readFileSync(join(root, path), 'utf8')]),
)
const house: House = new Map(
  [...texts].filter(([path]) => code.test(path)).map(([path, content]) => [path, readSource(path, content)]),
)

const rules: Record<string, (house: House) => string[]> = {
  'a room imports only from the rooms it may know': importDirections,
  'packages are used where they belong': packagesInTheirRooms,
  'modules that do not survive the bundler are not imported': bannedModules,
  'a relative import names an existing file, suffix included': importsNameFiles,
  'there are no barrels': barrels,
  'there are no default exports': defaultExports,
  'the pure rooms name no clock, timer, randomness, promise or other outside thing': impurity,
  'no test is silenced without a reason': silencedTests,
  'no test sleeps': sleepingTests,
  'no file is too long to be read in one go': longFiles,
  'no file has a name that says nothing': emptyNames,
  'every file is reached from somewhere': deadFiles,
}

test('the checks see the house', () => {
  expect(house.size).toBeGreaterThan(20)
  expect(house.get('src/ui/main.ts')?.scripts).toHaveLength(1)
})

for (const [rule, check] of Object.entries(rules)) {
  test(rule, () => {
    expect(check(house)).toEqual([])
  })
}

test('no file knows the machine it was written on', () => {
  expect(machinePaths(texts)).toEqual([])
})
