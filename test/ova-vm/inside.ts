// What only root sees of an appliance that runs: its units, its firewall, its sandbox, and that both processes come back.
import { greetingAt, silenceMs } from './outside.ts'
import type { Vm } from './vm.ts'

/** Root's shell: what a command prints. */
export type Root = (command: string) => Promise<string>

/** The helper's heartbeat may be away for two minutes, the service's for one; then they start anew, emulated. */
const comeBackMs = 300_000

/** The answers of several commands, in their order. */
async function answers(root: Root, commands: readonly string[]): Promise<string[]> {
  return (await root(commands.join('; echo ---; '))).split('---\n').map(text => text.trim())
}

/** No unit has failed, VMware's part is started, and the service is shut in. Says how well. */
export async function unitsAreWell(root: Root): Promise<string> {
  const [failed, tools, security, memory] = await answers(root, [
    'systemctl --failed --no-legend --plain',
    'systemctl show --property=ConditionResult --value open-vm-tools.service',
    'systemd-analyze security --no-pager hoist.service | tail -n 1',
    'systemctl show --property=MemoryMax --value hoist.service; free --bytes | sed -n 2p',
  ])
  const others = (failed ?? '').split('\n').filter(line => line !== '' && !line.startsWith('open-vm-tools.service '))
  if (others.length > 0) throw new Error(`units have failed: ${others.join(', ')}`)
  // They are started as under VMware, and end: qemu has no VMware for them to speak to.
  if (tools !== 'yes') throw new Error(`open-vm-tools was not started: ${tools}`)
  const exposure = Number(/level for hoist\.service: ([0-9.]+)/.exec(security ?? '')?.[1])
  if (!(exposure <= 2)) throw new Error(`systemd-analyze security: ${security}`)
  const [limit, total] =
    /^(\d+)\s+Mem:\s+(\d+)/
      .exec(memory ?? '')
      ?.slice(1)
      .map(Number) ?? []
  if (!(Number(limit) <= Number(total) / 2)) throw new Error(`the service may take ${limit} of ${total} bytes`)
  return `no unit has failed, VMware Tools are started; systemd-analyze security: ${exposure}`
}

/** Everything that the firewall lets in, while SSH is switched on. */
const letIn = [
  'iifname "lo" accept',
  'ip6 hoplimit 255 icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } accept',
  'ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
  'ct state established,related accept',
  'udp sport 67 udp dport 68 accept',
  'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept',
  'icmp type { destination-unreachable, time-exceeded, parameter-problem } accept',
  'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept',
  'icmp type echo-request limit rate 20/second burst 40 packets accept',
  'icmpv6 type echo-request limit rate 20/second burst 40 packets accept',
  'tcp dport { 80, 443 } accept',
  'tcp dport 22 accept',
]

/** Nobody else listens, the rules are those of the image, and a port beyond them is silent though somebody listens there. */
export async function firewallHolds(root: Root, vm: Vm): Promise<string> {
  const [listening = '', rules = ''] = await answers(root, [
    "ss -Hltun | awk '{print $1, $5}' | sort -u",
    'nft list chain inet hoist input',
  ])
  const strange = listening.split('\n').filter(line => !mayListen.test(line))
  if (strange.length > 0) throw new Error(`it listens on ${strange.join(', ')}`)
  if (!/hook input priority [^;]+; policy drop/.test(rules)) throw new Error(`the firewall drops nothing: ${rules}`)
  const words = (text: string) => text.trim().replaceAll(/\s+/g, ' ')
  const accepted = rules
    .split('\n')
    .map(words)
    .filter(rule => rule.endsWith('accept'))
  const added = accepted.filter(rule => !letIn.includes(rule))
  const missing = letIn.filter(rule => !accepted.includes(rule))
  if (added.length + missing.length > 0)
    throw new Error(`the firewall lets in ${added.join('; ')}, and does not let in ${missing.join('; ')}`)
  const listener = `require("net").createServer(one => one.end("open")).listen(8080, "::")`
  await root(`systemd-run --quiet --unit=listener /opt/hoist/current/bin/node -e '${listener}'`)
  try {
    const asked = `/opt/hoist/current/bin/node -e 'require("net").connect(8080, "127.0.0.1").on("error", () => {}).pipe(process.stdout)'`
    await vm.until('a listener in the guest', comeBackMs, async () =>
      (await root(asked)) === 'open' ? true : undefined,
    )
    const heard = await greetingAt(vm.ports[8080], silenceMs)
    if (heard !== '') throw new Error(`port 8080 can be reached from outside: ${heard}`)
  } finally {
    await root('systemctl stop listener.service')
  }
  return 'the firewall lets in what it should, and nothing else'
}

/** Loopback, what the network's own services use, and the ports of the firewall. */
const mayListen = /^(tcp|udp) (127\.|\[::1\]|\[::ffff:127)|^tcp \S+:(443|80|22)$|%lo:53$|^udp \S+:(68|546)$/

/** Switched off and on again, apt does as it was told; the program that installs them runs in this system. */
export async function updatesSwitch(root: Root, set: (enabled: boolean) => Promise<unknown>): Promise<void> {
  for (const [enabled, period] of [
    [false, '0'],
    [true, '1'],
  ] as const) {
    await set(enabled)
    const said = await root('apt-config dump APT::Periodic::Unattended-Upgrade')
    if (!said.includes(`"${period}"`))
      throw new Error(`security updates are ${enabled ? 'on' : 'off'}, and apt has ${said}`)
  }
  await root('unattended-upgrade --dry-run')
}

/** A text that was secret once is nowhere in the journal, which can be read: a line of our own is found in it. @throws Error */
export async function notInJournal(root: Root, secret: string): Promise<void> {
  const mark = `looked-through-${Date.now()}`
  const count = (pattern: string) => `journalctl --no-pager -o cat | grep -cE '${pattern}' || true`
  const [marks, secrets] = await answers(root, [
    `logger ${mark}; journalctl --sync; ${count(mark)}`,
    count(secretPattern(secret)),
  ])
  if (marks !== '1') throw new Error(`the journal cannot be read: ${marks} lines of ours are in it`)
  if (secrets !== '0') throw new Error('the setup code stands in the journal')
}

/** The secret as a log or the console might write it, spaced out: for grep and for RegExp. */
export const secretPattern = (secret: string) => [...secret.replaceAll('-', '')].join('[- ]*')

/** Both processes stand still at once: their heartbeats stop, and the service manager starts them anew. Says how long it took. */
export async function watchdogsBite(root: Root, vm: Vm): Promise<string> {
  const units = ['hoist.service', 'hoist-machine.service']
  const restarts = async () =>
    (await root(`systemctl show --property=NRestarts --value ${units.join(' ')}`))
      .split(/\s+/)
      .filter(Boolean)
      .map(Number)
  const bites = async () => Number(await root('journalctl --no-pager -o cat | grep -c "Watchdog timeout" || true'))
  const before = { restarts: await restarts(), bites: await bites() }
  const startedAtMs = performance.now()
  await root(`systemctl kill --signal=STOP ${units.join(' ')}`)
  await vm.until('two processes that stood still', comeBackMs, async () => {
    const now = await restarts()
    return now.every((count, index) => count > (before.restarts[index] ?? 0)) ? true : undefined
  })
  if ((await bites()) < before.bites + units.length) throw new Error('it was not the watchdog that ended them')
  return `service and helper, stopped, are started again, after ${Math.round((performance.now() - startedAtMs) / 1000)} s`
}

/** A clock that is a day ahead keeps the appliance from AWS, and no longer. @param ask has AWS asked: the code of the refusal */
export async function clockGates(root: Root, vm: Vm, ask: () => Promise<string | undefined>): Promise<void> {
  // A verdict on the clock holds for a minute.
  const refused = (code: string | undefined) => async () => ((await ask()) === code ? true : undefined)
  await root("date --set '+1 day'")
  await vm.until('AWS_CLOCK_SKEW', comeBackMs, refused('AWS_CLOCK_SKEW'))
  await root("date --set '-1 day'")
  await vm.until('an answer of AWS', comeBackMs, refused(undefined))
}
