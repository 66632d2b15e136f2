/**
 * Loaded before the commands that people type first (`node -r`), so that an old Node ends with a sentence and not with a
 * syntax error. Hence the old syntax.
 */
'use strict'

var wanted = require('../package.json').engines.node
var running = process.versions.node.split('.')
var runningMajor = Number(running[0])
var runningMinor = Number(running[1])

/**
 * Reads `^20.19 || >=22.12`: alternatives of one bound each, with major and minor number.
 * @param {string} bound
 */
function satisfies(bound) {
  var parts = /^(\^|>=)(\d+)\.(\d+)$/.exec(bound.trim())
  if (parts === null) throw new Error('package.json: engines.node is not of the form ^20.19 || >=22.12')
  var major = Number(parts[2])
  var minor = Number(parts[3])
  return (runningMajor === major && runningMinor >= minor) || (parts[1] === '>=' && runningMajor > major)
}

if (!wanted.split('||').some(satisfies)) {
  console.error(
    'Flotilla needs Node ' +
      wanted +
      ', and this is ' +
      process.versions.node +
      '. Get a newer one: https://nodejs.org',
  )
  process.exit(1)
}
