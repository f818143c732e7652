// The first boot on a machine in a directory, its keys made by the real ssh-keygen; and one that is cut off.
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { firstBoot, laterBoot, removeHostKeys } from '../../appliance/machine/first-boot.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { type RunProgram, runProgram } from '../../appliance/machine/run-program.ts'
import { serviceUser } from '../../appliance/machine/service-user.ts'
import { ovfEnvironment } from '../ova-vm/ovf-environment.ts'
import { cutAfter, hypervisorSays, labPrograms, labRoot } from './boot-lab.ts'
import { tree } from './machine-lab.ts'
import { samplePublicKey } from './sample-verbs.ts'

const signal = new AbortController().signal

async function machine(t: Test, properties: Record<string, string>) {
  const root = labRoot(t.testdir())
  const files = machineFiles(root)
  writeFileSync(join(root, 'sys/class/dmi/id/sys_vendor'), 'VMware, Inc.')
  await files.write('hostname', 'hoist\n')
  const given = { properties: properties as Record<string, string> | undefined }
  const { run, ran } = labPrograms([], words => {
    if (!words.startsWith('vm')) return undefined
    if (!given.properties) throw hypervisorSays('NULL')
    return ovfEnvironment(given.properties)
  })
  const said: string[] = []
  const ground = {
    root,
    files,
    run: (async (file, ...more) =>
      file.endsWith('ssh-keygen') ? await runProgram(file, ...more) : await run(file, ...more)) satisfies RunProgram,
    dataDir: join(root, 'var/lib/hoist'),
    sshDir: join(root, 'etc/ssh'),
    user: await serviceUser(root),
    say: (text: string) => said.push(text),
  }
  return { root, files, ran, said, given, ground }
}

t.test('what was set stands in its files, the rest is told, and no secret is said', async t => {
  const lab = await machine(t, {
    hostname: 'hoist.example.com',
    ipv4_mode: 'static',
    ipv4_address: '192.0.2.10/24',
    dns: '192.0.2.53',
    ntp: '!',
    proxy: 'http://p:1',
    ssh_key: `  ${samplePublicKey}\n`,
    setup_code: 'CANARY CODE 1',
    other: 'x',
  })
  writeFileSync(join(lab.root, 'etc/ssh/ssh_host_old_key'), 'of an image')
  await firstBoot(lab.ground, signal)
  const files = tree(lab.root)
  t.equal(files['etc/hostname'], 'hoist.example.com\n')
  t.match(files['etc/systemd/network/20-hoist.network'], /Address=192.0.2.10\/24/)
  t.match(files['etc/apt/apt.conf.d/20hoist-proxy'], /http:\/\/p:1\//)
  t.equal(files['etc/hoist/ssh-authorized-keys'], `${samplePublicKey}\n`)
  t.same(JSON.parse(files['var/lib/hoist/deployment.json'] ?? ''), {
    proxyUrl: 'http://p:1',
    setupCode: 'CANARY CODE 1',
  })
  t.equal(lstatSync(join(lab.root, 'var/lib/hoist/deployment.json')).mode & 0o777, 0o600)
  t.match(JSON.parse(files['etc/hoist/first-boot-findings.json'] ?? ''), [{ about: 'ntp' }])
  const keys = readdirSync(join(lab.root, 'etc/ssh')).sort()
  t.ok(keys.includes('ssh_host_ed25519_key') && !keys.includes('ssh_host_old_key'))
  t.equal(files['etc/hoist/first-boot-done'], '')
  t.ok(lab.said.includes('a property of the deployment is unknown: other'))
  t.notMatch(JSON.stringify([lab.said, lab.ran, files['etc/hoist/first-boot-findings.json']]), /CANARY/)
  t.notOk(
    lab.ran.some(words => /networkctl|timesyncd|sshd?\.service/.test(words)),
    'nothing runs yet that could be told',
  )
})

t.test('without anything set, the machine has no name of its own, and the service is told nothing', async t => {
  const lab = await machine(t, {})
  await firstBoot(lab.ground, signal)
  t.notOk(await lab.files.exists('hostname'))
  t.same(readdirSync(lab.ground.dataDir), [])
  t.equal(readFileSync(join(lab.root, 'etc/hoist/first-boot-findings.json'), 'utf8'), '[]\n')
})

t.test('one that is cut off is done again', async t => {
  const lab = await machine(t, { ssh_key: 'none' })
  const cut = { ...lab.ground, run: () => Promise.reject(new Error('cut')) }
  await t.rejects(firstBoot(cut, signal), /cut/)
  t.notOk(await lab.files.exists('firstBootDone'))
  await firstBoot(lab.ground, signal)
  t.ok(await lab.files.exists('firstBootDone'))
})

t.test('where the data disk takes no file, it ends all the same, and says what the service was not told', async t => {
  const lab = await machine(t, { setup_code: 'CANARY CODE 1' })
  await firstBoot({ ...lab.ground, dataDir: join(lab.root, 'nowhere') }, signal)
  t.ok(await lab.files.exists('firstBootDone'))
  t.match(JSON.parse((await lab.files.read('findings')) ?? ''), [{ about: 'deployment', text: /not told setup code/ }])
  t.notMatch(JSON.stringify(lab.said), /CANARY/)
})

/** Its first boot could not read the properties, and the service has run. */
async function unread(t: Test, properties: Record<string, string> | undefined) {
  const lab = await machine(t, {})
  lab.given.properties = undefined
  await firstBoot(lab.ground, signal)
  const findings = async () => JSON.parse((await lab.files.read('findings')) ?? '')
  t.match(await findings(), [{ about: 'deployment', text: /^From guestinfo: .* the next start asks again\.$/ }])
  lab.given.properties = properties
  return { ...lab, findings, told: join(lab.ground.dataDir, 'deployment.json') }
}

const late = { hostname: 'late.example.com', ntp: 'ntp.example.com', dns: '192.0.2.53', proxy: 'http://p:1' }

t.test('name and network that the first boot could not read are taken by a later one, without new keys', async t => {
  const lab = await unread(t, { ...late, ssh_key: samplePublicKey, setup_code: 'CANARY CODE 1', other: 'x' })
  const hostKey = readFileSync(join(lab.root, 'etc/ssh/ssh_host_ed25519_key'), 'utf8')
  await laterBoot(lab.ground, signal)
  const files = tree(lab.root)
  t.equal(files['etc/hostname'], 'late.example.com\n')
  t.match(files['etc/systemd/network/20-hoist.network'], /DNS=192.0.2.53/)
  for (const file of ['time', 'aptProxy'] as const)
    t.notOk(await lab.files.exists(file), 'it may have been removed since')
  t.notOk(existsSync(lab.told), 'an appliance that is claimed would drop it')
  t.equal(files['etc/ssh/ssh_host_ed25519_key'], hostKey)
  t.notOk(await lab.files.exists('sshKeys'))
  const abouts = [{ about: 'setup_code' }, { about: 'ssh_key' }, { about: 'ntp' }, { about: 'proxy' }]
  t.match(await lab.findings(), abouts)
  t.notMatch(JSON.stringify([files, lab.said]), /CANARY/)
  lab.ran.length = 0
  await laterBoot(lab.ground, signal)
  t.same(lab.ran, [], 'once')
})

t.test('where somebody has set something meanwhile, that holds, and nothing else is said', async t => {
  const files = ['hostname', 'network'] as const
  for (const [flaws, said] of [
    [{}, []],
    [{ hostname: 'a_b', dns: '!' }, []],
    [{ hostname: 'a_b', dns: '!', ipv4_mode: 'x', ipv6_mode: 'x' }, ['hostname', 'ipv4_mode', 'ipv6_mode', 'dns']],
  ] as const) {
    const lab = await unread(t, { hostname: late.hostname, dns: late.dns, ...flaws })
    const theirs = said.length === 0
    if (theirs) for (const file of files) await lab.files.write(file, 'theirs\n')
    await laterBoot(lab.ground, signal)
    for (const file of files) t.equal(await lab.files.read(file), theirs ? 'theirs\n' : undefined)
    t.same((await lab.findings()).map(({ about }: { about: string }) => about).sort(), [...said].sort())
  }
})

type Lab = Awaited<ReturnType<typeof machine>>

/** Boots once for each step that it may be cut off before, and then again; gives the machine as it is without a cut. */
async function cutEverywhere(
  t: Test,
  make: () => Promise<Lab>,
  work: typeof firstBoot,
): Promise<Record<string, string>> {
  let wanted: Record<string, string> | undefined
  for (let steps = Number.POSITIVE_INFINITY, cuts = 0; ; steps = cuts++) {
    const lab = await make()
    // Keys are others each time.
    const run: RunProgram = async (file, ...more) =>
      file.endsWith('ssh-keygen') ? '' : await lab.ground.run(file, ...more)
    const ground = { ...lab.ground, run }
    const cut = await work({ ...ground, ...cutAfter(steps, ground) }, signal).then(
      () => false,
      () => true,
    )
    if (cut) await work(ground, signal)
    const after = tree(lab.root)
    if (wanted !== undefined) t.same(after, wanted, `cut off before step ${steps}`)
    if (wanted !== undefined && !cut) {
      t.ok(cuts > 5, `${cuts} steps`)
      return wanted
    }
    wanted ??= after
  }
}

t.test('wherever a first boot is cut off, the next one comes to the same end, with the same findings', async t => {
  const make = (given: Record<string, string> | undefined, before?: (lab: Lab) => Promise<void>) => async () => {
    const lab = await machine(t, {})
    lab.given.properties = given
    await before?.(lab)
    return lab
  }
  const known = await cutEverywhere(t, make({ ...late, dns: '!', setup_code: 'CANARY CODE 1' }), firstBoot)
  t.match(JSON.parse(known['etc/hoist/first-boot-findings.json'] ?? ''), [{ about: 'dns' }])
  const unread = await cutEverywhere(t, make(undefined), firstBoot)
  t.match(JSON.parse(unread['etc/hoist/first-boot-findings.json'] ?? ''), [{ text: /the next start asks again/ }])
  t.equal(unread['etc/hoist/deployment-properties.json'], 'null\n')
  const afterReset = make({ ...late, ssh_key: samplePublicKey }, lab => lab.files.write('deploymentProperties', 'null'))
  const reset = await cutEverywhere(t, afterReset, firstBoot)
  t.match(JSON.parse(reset['etc/hoist/first-boot-findings.json'] ?? ''), [{ about: 'ssh_key' }])
})

t.test('wherever a later boot is cut off, the next one comes to the same end', async t => {
  const make = async () => {
    const lab = await machine(t, { ...late, ipv4_mode: 'x', setup_code: 'CANARY CODE 1' })
    await lab.files.write('deploymentProperties', 'null')
    await lab.files.remove('hostname')
    return lab
  }
  const wanted = await cutEverywhere(t, make, laterBoot)
  t.match(JSON.parse(wanted['etc/hoist/first-boot-findings.json'] ?? ''), [
    { about: 'setup_code' },
    { about: 'ntp' },
    { about: 'proxy' },
    { about: 'ipv4_mode' },
  ])
  t.notMatch(JSON.stringify(wanted), /CANARY/)
})

t.test('as long as they cannot be read, each boot says so, and changes nothing else', async t => {
  const lab = await unread(t, undefined)
  const before = tree(lab.root)
  await laterBoot(lab.ground, signal)
  t.same(tree(lab.root), before)
  const known = await machine(t, late)
  await firstBoot(known.ground, signal)
  known.ran.length = 0
  await laterBoot(known.ground, signal)
  t.same(known.ran, [], 'and where they are known, nobody is asked')
})

t.test('only host keys are removed', async t => {
  const dir = t.testdir({ ssh_host_rsa_key: '', 'ssh_host_rsa_key.pub': '', sshd_config: '' })
  await removeHostKeys(dir)
  t.same(readdirSync(dir), ['sshd_config'])
})
