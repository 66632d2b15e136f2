/** `npm start`: from a fresh clone to a running Flotilla. */
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { buildApp, buildServer, installPackages, runNode, SetupError } from './setup.mjs'

const usage = `Installs what is missing, builds the app, and serves it together with its signaling from one process.

  npm start -- [options]

  --port <number>   port to listen on (default: $PORT, else 8080)
  --host <address>  address to listen on (default: $HOST, else all addresses)
  --help            this text

All else is set by environment variables, such as FLOTILLA_TICKET_KEY: docs/server.md lists them.
`

/** What the server says of every little thing is for servers that run for long. */
const logForPeople = process.env.FLOTILLA_LOG_FORMAT ? [] : ['--log-format', 'plain']

async function start() {
  const { values } = readOptions()
  if (values.help) return process.stdout.write(usage)
  const { port, host } = values
  // Asked before the install and the build, so that nobody waits for them in vain.
  await checkPortIsFree(Number(port), host)
  await installPackages()
  await buildApp()
  await buildServer()
  const address = ['--port', port, ...(host === undefined ? [] : ['--host', host])]
  const { ok } = await runNode('dist-signaling/flotilla-signaling.js', ['--dir', 'dist', ...logForPeople, ...address])
  if (!ok) process.exitCode = 1
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string', default: process.env.PORT || '8080' },
        host: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : error} (npm start -- --help lists the options)`)
  }
}

/** @param {number} port @param {string | undefined} host @returns {Promise<void>} */
function checkPortIsFree(port, host) {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', error => {
      // Whatever else is wrong with the address, the server itself explains better.
      if (!('code' in error) || error.code !== 'EADDRINUSE') return resolve()
      reject(
        new SetupError(`Port ${port} is taken: stop what uses it, or choose another: npm start -- --port ${port + 1}`),
      )
    })
    if (!Number.isInteger(port) || port < 0 || port > 65_535) return resolve()
    probe.listen(port, host, () => probe.close(() => resolve()))
  })
}

start().catch(error => {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
})
