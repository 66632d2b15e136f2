import { describe, expect, test } from 'vitest'
import { Random } from '../sim/random.ts'
import type { Endpoint } from './endpoint.ts'
import { loadProtocol } from './protocol.ts'
import { type Difference, runSeed } from './run.ts'
import { sabotaged } from './saboteur.ts'
import { comparedRelease, etcdVersion, type Server, startEtcd, startGateway } from './servers.ts'

/** Longer runs, and more of them: `npm run differential -- --seeds 20`. */
const seeds = [1, 2, 3]
const operations = 1_500
/** Each has to itself what it should never take. */
const timeoutMs = 240_000

const protocol = await loadProtocol()

/** Runs a seed on two new servers, and stops them whatever happens. */
async function compare(
  seed: number,
  startSubject: () => Promise<Server>,
  altered: (endpoint: Endpoint) => Endpoint = endpoint => endpoint,
): Promise<Difference[]> {
  const started: Server[] = []
  try {
    const reference = await startEtcd('etcd', protocol)
    started.push(reference)
    const subject = await startSubject()
    started.push(subject)
    return await runSeed(seed, reference.endpoint, altered(subject.endpoint), { operations, differencesMax: 1 })
  } finally {
    await Promise.all(started.map(server => server.stop()))
  }
}

const anotherEtcd = () => startEtcd('another etcd', protocol)

const version = await etcdVersion()

if (version === null) test.skip('skipped: etcd is not installed', () => {})
else if (!version.startsWith(comparedRelease)) {
  test.skip(`skipped: etcd ${version} is installed, and the gateway answers as ${comparedRelease}x`, () => {})
} else {
  describe('the gateway answers as etcd does', () => {
    test.each(seeds)(`seed %i, ${operations} operations`, { timeout: timeoutMs }, async seed => {
      expect(await compare(seed, () => startGateway(protocol))).toEqual([])
    })
  })

  describe('the comparison can be trusted', () => {
    test('two etcds do not differ', { timeout: timeoutMs }, async () => {
      expect(await compare(4, anotherEtcd)).toEqual([])
    })

    test.each([5, 6, 7])('an answer wrong in one place is found, seed %i', { timeout: timeoutMs }, async seed => {
      const random = new Random(seed)
      const differences = await compare(seed, anotherEtcd, endpoint => sabotaged(endpoint, random, 100))
      expect(differences).toHaveLength(1)
    })
  })
}
