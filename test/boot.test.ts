// A whole boot on a machine in a directory: a new one, the next one, a factory reset, and one without a data disk.
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type BootOptions, boot } from '../appliance/boot.ts'
import { readBootFailure } from '../appliance/machine/boot-failure.ts'
import { machineFiles } from '../appliance/machine/machine-files.ts'
import { takeOverDeployment } from '../appliance/setup/deployment.ts'
import { blankDisk, hypervisorSays, labPrograms, labRoot, labTpm, lsblkText } from './machine/boot-lab.ts'
import { tree } from './machine/machine-lab.ts'
import { samplePublicKey } from './machine/sample-verbs.ts'
import { ovfEnvironment } from './ova-vm/ovf-environment.ts'

const signal = new AbortController().signal
const uuid = '11111111-2222-3333-4444-555555555555'

function machine(t: Test, withDisk = true) {
  const root = labRoot(t.testdir())
  writeFileSync(join(root, 'sys/class/dmi/id/sys_vendor'), 'VMware, Inc.\n')
  writeFileSync(join(root, 'sys/class/dmi/id/product_uuid'), `${uuid}\n`)
  const tpm = labTpm('a')
  const disks = withDisk ? [{ path: blankDisk(join(root, 'disk')) }] : []
  const given = { properties: { setup_code: 'CANARY-CODE-1' } as Record<string, string>, readable: true }
  const { run, ran } = labPrograms(disks, (words, args) => {
    if (words.startsWith('vm')) {
      if (!given.readable) throw hypervisorSays('NULL')
      return ovfEnvironment(given.properties)
    }
    // As the test's user, whom this machine calls hoist.
    if (words.startsWith('setpriv ')) {
      execFileSync('mkdir', args.slice(args.indexOf('/usr/bin/mkdir') + 1), { stdio: 'pipe' })
      return ''
    }
    return tpm(words, args)
  })
  const said: string[] = []
  const at = (path: string) => join(root, path)
  const start = (changes: Partial<BootOptions> = {}) =>
    boot(
      { root, run, say: text => said.push(text), now: new Date('2026-11-21T12:00:00Z'), looks: 1, ...changes },
      signal,
    )
  return { root, at, ran, run, said, given, start, files: machineFiles(root) }
}

t.test('a new machine gets its data disk, its first boot, and an environment for the service', async t => {
  const lab = machine(t)
  await lab.start()
  t.ok(lab.ran.some(words => words.startsWith('mkfs.ext4')))
  t.ok(await lab.files.exists('firstBootDone'))
  t.ok(existsSync(lab.at('var/lib/hoist/deployment.json')))
  t.equal(readFileSync(lab.at('run/hoist/environment'), 'utf8'), `HOIST_MACHINE_ID=${uuid}\n`)
  t.ok(lab.ran.includes('hostname hoist'), 'nobody has given it a name')
  t.notMatch(JSON.stringify([lab.said, lab.ran]), /CANARY/)
})

t.test('that a disk is being checked stands on the terminal, where there is no console yet', async t => {
  const lab = machine(t)
  writeFileSync(lab.at('dev/console'), '')
  await lab.start()
  t.match(readFileSync(lab.at('dev/console'), 'utf8'), /^Hoist: The data disk \S+ \(4 GiB\) is being checked\.\r\n$/)
})

t.test('a disk that is attached later brings the machine up, and the console has nothing more to say', async t => {
  const lab = machine(t)
  const { run } = lab
  await t.rejects(
    lab.start({ run: async (file, ...more) => (file.endsWith('/lsblk') ? lsblkText([]) : run(file, ...more)) }),
  )
  t.match(await readBootFailure(lab.root), { message: /Disks of this machine: none/ })
  let shown: unknown
  await lab.start({
    run: async (file, ...more) => {
      if (file.endsWith('/e2fsck')) shown = await readBootFailure(lab.root)
      return await run(file, ...more)
    },
  })
  t.equal(await readBootFailure(lab.root), undefined)
  t.ok(existsSync(lab.at('run/hoist/environment')))
  t.match(shown, { message: /^The data disk .* is being checked\.$/ }, 'which the console says meanwhile')
  t.notOk(existsSync(lab.at('dev/console')), 'and not in the middle of its screen')
})

t.test('the next boot mounts, and sets nothing again', async t => {
  const lab = machine(t)
  await lab.start()
  lab.ran.length = 0
  await lab.start()
  t.notOk(lab.ran.some(words => /^(mkfs|ssh-keygen|vmware-rpctool)/.test(words)))
  t.ok(lab.ran.some(words => words.startsWith('mount ')))
})

t.test(
  'where there is a TPM, the service is told where its key is; a foreign one is told until the next boot',
  async t => {
    const lab = machine(t)
    writeFileSync(lab.at('dev/tpmrm0'), '')
    writeFileSync(lab.at('var/lib/hoist/secrets.key.sealed'), 'b:')
    await lab.files.write('findings', JSON.stringify([{ about: 'dns', text: 'of the first boot' }]))
    await lab.files.write('deploymentProperties', '[]')
    await lab.files.write('firstBootDone', '')
    await lab.start()
    const findings = async () => JSON.parse((await lab.files.read('findings')) ?? '')
    t.match(await findings(), [{ about: 'secrets' }, { about: 'dns' }])
    await lab.start()
    t.match(
      readFileSync(lab.at('run/hoist/environment'), 'utf8'),
      `HOIST_SECRETS_KEY=${lab.at('run/hoist/secrets.key')}\n`,
    )
    t.equal(readFileSync(lab.at('run/hoist/secrets.key')).length, 32)
    t.same(await findings(), [{ about: 'dns', text: 'of the first boot' }])
  },
)

t.test('a factory reset forgets, and the first boot follows in the same boot', async t => {
  const lab = machine(t)
  await lab.start()
  writeFileSync(lab.at('var/lib/hoist/hoist.db'), 'data')
  await lab.files.write('hostname', 'theirs\n')
  await lab.files.write('resetMark', '')
  lab.ran.length = 0
  await lab.start()
  t.ok(lab.said.includes('factory reset done'))
  t.same(readdirSync(lab.at('var/lib/hoist')).sort(), ['uploads'], 'its setup code is dead')
  t.ok(lab.ran.some(words => words.startsWith('ssh-keygen')))
  t.ok(await lab.files.exists('firstBootDone'))
  t.notOk(await lab.files.exists('hostname'))
})

t.test('what somebody on the machine puts in the place of the properties is not believed after a reset', async t => {
  for (const unreadAtFirst of [false, true]) {
    const lab = machine(t)
    lab.given.readable = !unreadAtFirst
    await lab.start()
    lab.given.readable = true
    // info-set needs no rights, and what it has set stays over a restart.
    lab.given.properties = { setup_code: 'known-to-them', ssh_key: samplePublicKey }
    await lab.files.write('resetMark', '')
    for (let boots = 0; boots < 2; boots++) {
      await lab.start()
      t.notOk(await lab.files.exists('sshKeys'))
      t.notOk(existsSync(lab.at('var/lib/hoist/deployment.json')))
    }
  }
})

t.test('the setup code of the deployment stays nowhere but where the service takes it over', async t => {
  const lab = machine(t)
  await lab.start()
  t.same(JSON.parse(readFileSync(lab.at('var/lib/hoist/deployment.json'), 'utf8')), { setupCode: 'CANARY-CODE-1' })
  rmSync(lab.at('var/lib/hoist/deployment.json'))
  const holds = () =>
    ['etc', 'var', 'run'].flatMap(place =>
      Object.entries(tree(lab.at(place))).flatMap(([path, text]) => (/CANARY/.test(text) ? [path] : [])),
    )
  t.same(holds(), [])
  // A cut before it went, or an image of before.
  await lab.files.write('deploymentProperties', '[["setup_code",["CANARY-CODE-1"]]]')
  await lab.start()
  t.same(holds(), [])
  await lab.files.write('resetMark', '')
  await lab.start()
  t.same(holds(), [], 'though guestinfo still has it')
})

t.test('a new system disk over the data of an appliance that has an administrator does not open its setup', async t => {
  const former = machine(t)
  await former.start()
  // As a new disk has it: nothing.
  rmSync(former.at('etc/hoist'), { recursive: true })
  await former.start()
  const told = former.at('var/lib/hoist/deployment.json')
  t.match(readFileSync(told, 'utf8'), /CANARY/)
  // The service is who runs the test.
  chownSync(told, process.getuid?.() ?? 0, process.getgid?.() ?? 0)
  const codes: string[] = []
  const claimed = async () => true
  await takeOverDeployment({
    dataDir: former.at('var/lib/hoist'),
    claimed,
    adoptSetupCode: async code => void codes.push(code),
    settings: { getProxy: async () => undefined, setProxy: async () => undefined },
    say: () => undefined,
  })
  t.same(codes, [])
  t.notOk(existsSync(told))
  t.same(JSON.parse((await former.files.read('deploymentProperties')) ?? ''), [])
})

t.test('properties that cannot be read are asked for at each boot until they are', async t => {
  const lab = machine(t)
  Object.assign(lab.given, { readable: false, properties: { hostname: 'late' } })
  for (let boots = 0; boots < 2; boots++) {
    await lab.start()
    t.match(JSON.parse((await lab.files.read('findings')) ?? ''), [{ about: 'deployment', text: /asks again/ }])
    t.notOk(await lab.files.exists('hostname'))
  }
  lab.given.readable = true
  await lab.start()
  t.equal(await lab.files.read('hostname'), 'late\n')
  t.same(JSON.parse((await lab.files.read('findings')) ?? ''), [])
  lab.ran.length = 0
  await lab.start()
  t.notOk(lab.ran.some(words => words.startsWith('vm')))
})

t.test(
  'a system whose image has kept no properties is not asked weeks later; its reset keeps the key for SSH',
  async t => {
    for (const resetAtOnce of [false, true]) {
      const lab = machine(t)
      lab.given.properties = { ssh_key: samplePublicKey }
      await lab.start()
      const key = await lab.files.read('sshKeys')
      rmSync(lab.at('etc/hoist/deployment-properties.json'))
      Object.assign(lab.given, { readable: false, properties: { hostname: 'known-to-them' } })
      lab.ran.length = 0
      if (!resetAtOnce) await lab.start()
      await lab.files.write('resetMark', '')
      for (let boots = 0; boots < 2; boots++) {
        await lab.start()
        lab.given.readable = true
        t.equal(await lab.files.read('sshKeys'), key)
        t.notOk(await lab.files.exists('hostname'))
        t.same(JSON.parse((await lab.files.read('findings')) ?? ''), [])
      }
      t.notOk(lab.ran.some(words => words.startsWith('vm')))
    }
  },
)

t.test('whatever the service has made in its directory, the machine starts', async t => {
  const lab = machine(t)
  writeFileSync(lab.at('dev/tpmrm0'), '')
  const data = (name: string) => lab.at(`var/lib/hoist/${name}`)
  writeFileSync(data('uploads'), 'a file')
  for (const name of ['deployment.json', 'secrets.key.sealed', 'secrets.key'])
    mkdirSync(data(`${name}/full`), { recursive: true })
  await lab.start()
  t.ok(lab.said.some(text => /^no directory of uploads: /.test(text)))
  t.equal(readFileSync(lab.at('run/hoist/secrets.key')).length, 32)
  t.match(readFileSync(data('secrets.key.sealed'), 'latin1'), /^a:/)
  t.match(readFileSync(data('deployment.json'), 'utf8'), /CANARY-CODE-1/)
  await lab.start()
})

t.test('without a data disk nothing else is done', async t => {
  const lab = machine(t, false)
  await t.rejects(lab.start(), { code: 'DATA_DISK_UNUSABLE', message: /Disks of this machine: none/ })
  t.notOk(existsSync(lab.at('run/hoist/environment')))
  t.notOk(await lab.files.exists('firstBootDone'))
  t.match(await readBootFailure(lab.root), { message: /^There is no data disk/, hint: /Add an empty disk/ })
})
