import { etcdctl, startEtcdctl } from './etcdctl.ts'

/** What etcdctl was told to do to one server, and what it said: the same whoever serves, up to names and times. */
export class Transcript {
  readonly #address: string
  readonly #aliases = new Map<string, string>()
  #text = ''

  constructor(address: string) {
    this.#address = address
  }

  get text(): string {
    let text = this.#text
    for (const [chosen, name] of this.#aliases) text = text.replaceAll(chosen, name)
    return text
      .replaceAll(/"(cluster_id|member_id|raft_term)":\d+/g, '"$1":0')
      .replaceAll(/"(ClusterID|MemberID|RaftTerm)" : \d+/g, '"$1" : 0')
      .replaceAll(/remaining\(\d+s\)/g, 'remaining(some)')
      .replaceAll(
        /attached keys\(\[(.*)\]\)/g,
        (_, keys: string) => `attached keys([${keys.split(' ').sort().join(' ')}])`,
      )
  }

  /** This name stands for a text that every server chooses for itself. */
  alias(chosen: string, name: string): void {
    this.#aliases.set(chosen, name)
  }

  /** Runs a command to its end. Returns what it wrote. */
  async run(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await etcdctl(this.#address, args, input)
    this.#record(args, input, `${stdout}${withoutLog(stderr)}${code === 0 ? '' : `exit ${code}\n`}`)
    return stdout
  }

  /** Runs a command that goes on for ever until it has written so many lines. */
  async runUntil(lines: number, args: readonly string[]): Promise<void> {
    const command = startEtcdctl(this.#address, args)
    const written = await command.lines(lines)
    await command.interrupt()
    this.#record(args, '', `${written.join('\n')}\n`)
  }

  #record(args: readonly string[], input: string, output: string): void {
    const command = args.map(arg => (/^[\w./=-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(' ')
    const typed = input === '' ? '' : `${input.replaceAll(/^(?=.)/gm, '< ')}${input.endsWith('\n') ? '' : '\n'}`
    this.#text += `$ etcdctl ${command}\n${typed}${output}\n`
  }
}

/** The client's own log, with its times and addresses. */
function withoutLog(stderr: string): string {
  return stderr.replaceAll(/^\{"level".*\n/gm, '')
}

/** Each starts with an empty store, so that the revisions are the same, too. */
export const scenarios: Readonly<Record<string, (ctl: Transcript) => Promise<void>>> = {
  async keys(ctl) {
    for (const [key, value] of Object.entries({ a: '1', b: '2', ab: 'x', abc: '0', c: '' })) {
      await ctl.run(['put', key, value])
    }
    await ctl.run(['put', 'a', '3', '--prev-kv'])
    await ctl.run(['put', 'a', '--ignore-value'])
    await ctl.run(['put', 'none', '--ignore-value'])
    await ctl.run(['put', 'from stdin'], 'a value\nof two lines')
    await ctl.run(['put', '', 'v'])
    await ctl.run(['put', 'a', 'v', '--lease=4d2'])
    await ctl.run(['get', 'a'])
    await ctl.run(['get', 'none'])
    await ctl.run(['get', ''])
    await ctl.run(['get', 'a', 'b'])
    await ctl.run(['get', 'b', 'a'])
    await ctl.run(['get', 'a', '--prefix'])
    await ctl.run(['get', '', '--prefix', '--keys-only'])
    await ctl.run(['get', 'abc', '--from-key'])
    await ctl.run(['get', 'a', '--from-key', '--limit=2', '-w', 'json'])
    await ctl.run(['get', 'a', '--rev=2'])
    await ctl.run(['get', 'a', '--prefix', '--rev=4'])
    await ctl.run(['get', 'a', '--rev=99'])
    for (const order of ['ASCEND', 'DESCEND']) {
      for (const target of ['CREATE', 'KEY', 'MODIFY', 'VALUE', 'VERSION']) {
        await ctl.run(['get', 'a', '--prefix', `--order=${order}`, `--sort-by=${target}`, '--limit=2'])
      }
    }
    await ctl.run(['get', 'a', '--prefix', '--sort-by=MODIFY'])
    await ctl.run(['get', 'a', '--prefix', '--order=DESCEND'])
    await ctl.run(['get', 'a', '--prefix', '--keys-only', '-w', 'fields'])
    await ctl.run(['get', 'a', '--print-value-only'])
    await ctl.run(['get', 'a', '--consistency=s'])
    await ctl.run(['get', 'a', '-w', 'json'])
    await ctl.run(['get', 'a', '-w', 'fields'])
    await ctl.run(['get', 'a', '--hex'])
    await ctl.run(['del', 'none'])
    await ctl.run(['del', 'ab', '--prev-kv'])
    await ctl.run(['del', 'a', '--prefix', '--prev-kv'])
    await ctl.run(['del', 'b', 'c'])
    await ctl.run(['del', 'c', '--from-key', '--prev-kv'])
    await ctl.run(['del', ''])
    await ctl.run(['get', '', '--prefix'])
  },

  async transactions(ctl) {
    await ctl.run(['put', 'a', '1'])
    await ctl.run(['put', 'b', '2'])
    await ctl.run(['txn'], 'mod("a") > "0"\nval("b") = "2"\n\nput c 1\nget c\ndel b\n\nget a\n\n')
    await ctl.run(['txn'], 'create("a") = "0"\n\nput c 2\n\nget a\nget a --rev=2\nget "" --prefix\n\n')
    await ctl.run(['txn', '-w', 'json'], 'ver("a") < "2"\n\nget a\nput a 2\ndel c d\n\n\n')
    await ctl.run(['txn', '-w', 'json'], 'ver("a") < "2"\n\nget a\nput d 2\ndel none\n\n\n')
    await ctl.run(['txn'], '\nput d 1\nput d 2\n\n\n')
    await ctl.run(['txn'], '\nput d 1\nput "" 2\n\n\n')
    await ctl.run(['txn'], '\nget a --rev=99\n\n\n')
    await ctl.run(['txn', '-i'], 'val("d") != "2"\n\nput e 1\n\nput e 2\nget e\n\n')
    await ctl.run(['get', '', '--prefix', '-w', 'json'])
  },

  async 'watches and compaction'(ctl) {
    await ctl.run(['put', 'a', '1'])
    await ctl.run(['put', 'ab', '2'])
    await ctl.run(['put', 'a', '3'])
    await ctl.run(['del', 'a'])
    await ctl.run(['put', 'a', '4'])
    await ctl.runUntil(12, ['watch', 'a', '--rev=1'])
    await ctl.runUntil(9, ['watch', 'a', '--rev=4'])
    await ctl.runUntil(15, ['watch', 'a', '--prefix', '--rev=2'])
    await ctl.runUntil(15, ['watch', 'a', 'b', '--rev=2'])
    await ctl.runUntil(19, ['watch', '', '--prefix', '--rev=2', '--prev-kv'])
    await ctl.runUntil(1, ['watch', 'a', '--rev=2', '-w', 'json'])
    await ctl.run(['compaction', '4'])
    await ctl.run(['compaction', '4'])
    await ctl.run(['compaction', '99'])
    await ctl.run(['compaction', '5', '--physical'])
    await ctl.run(['watch', 'a', '--rev=3'])
    await ctl.run(['get', 'a', '--rev=4'])
    await ctl.run(['get', 'a', '--rev=5'])
    await ctl.runUntil(3, ['watch', 'a', '--rev=6'])
  },

  async leases(ctl) {
    const granted = await ctl.run(['lease', 'grant', '60'])
    const id = /lease (\w+) granted/.exec(granted)?.[1] ?? 'none'
    ctl.alias(id, 'LEASE')
    await ctl.run(['put', 'l2', 'v', `--lease=${id}`])
    await ctl.run(['put', 'l1', 'v', `--lease=${id}`])
    await ctl.run(['put', 'l1', 'w', '--ignore-lease'])
    await ctl.run(['lease', 'timetolive', id])
    await ctl.run(['lease', 'timetolive', id, '--keys'])
    await ctl.run(['lease', 'list'])
    await ctl.run(['lease', 'keep-alive', id, '--once'])
    await ctl.run(['put', 'l2', 'v'])
    await ctl.run(['lease', 'revoke', id])
    await ctl.run(['lease', 'revoke', id])
    await ctl.run(['lease', 'timetolive', id])
    await ctl.run(['lease', 'keep-alive', id, '--once'])
    await ctl.run(['lease', 'list'])
    await ctl.run(['lease', 'grant', '9000000001'])
    await ctl.run(['get', 'l', '--prefix', '-w', 'json'])
  },
}
