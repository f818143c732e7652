// A machine as it was deployed.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { finishFactoryReset } from '../../appliance/machine/factory-reset.ts'
import { type MachineFile, machineFiles } from '../../appliance/machine/machine-files.ts'
import { type RunProgram, runProgram } from '../../appliance/machine/run-program.ts'
import { cutAfter } from './boot-lab.ts'
import { tree } from './machine-lab.ts'

/** As the image has them. */
const left = [
  'etc/apt/apt.conf.d/20hoist-updates',
  'etc/hoist/deployment-properties.json',
  'etc/hosts',
  'etc/ssh/sshd_config',
  'outside/keep',
]
const signal = new AbortController().signal

const changed: readonly MachineFile[] = [
  'network',
  'time',
  'aptProxy',
  'sshRule',
  'sshKeys',
  'findings',
  'hostname',
  'hosts',
  'firstBootDone',
]

async function used(t: Test) {
  const root = t.testdir({
    outside: { keep: 'kept' },
    'var/lib/hoist': {},
    etc: { ssh: { ssh_host_ed25519_key: 'k', 'ssh_host_ed25519_key.pub': 'k', sshd_config: 'c' } },
  })
  const dataDir = join(root, 'data')
  mkdirSync(join(dataDir, 'manifests/deep'), { recursive: true })
  writeFileSync(join(dataDir, 'hoist.db'), 'data')
  writeFileSync(join(dataDir, 'manifests/deep/m'), 'data')
  symlinkSync(join(root, 'outside'), join(dataDir, 'link'))
  const files = machineFiles(root)
  for (const file of changed) await files.write(file, file)
  const ran: string[] = []
  const run: RunProgram = async (file, args, signal) => {
    if (file.endsWith('/find')) return await runProgram(file, args, signal)
    ran.push([file, ...args].join(' '))
    return ''
  }
  return { root, dataDir, files, ran, ground: { files, run, dataDir, sshDir: join(root, 'etc/ssh') } }
}

t.test('without its mark, nothing is touched', async t => {
  const { root, ground, ran } = await used(t)
  const before = tree(root)
  t.equal(await finishFactoryReset(ground, signal), false)
  t.same(tree(root), before)
  t.same(ran, [])
})

t.test('data, settings of the machine and its host keys go; what a link points to stays', async t => {
  const { root, dataDir, files, ground, ran } = await used(t)
  await files.write('resetMark', '')
  t.equal(await finishFactoryReset(ground, signal), true)
  t.same(readdirSync(dataDir), [])
  t.equal(readFileSync(join(root, 'outside/keep'), 'utf8'), 'kept')
  t.same(Object.keys(tree(root)), left)
  t.same(ran, [
    '/usr/bin/systemctl --no-block disable --now ssh.service',
    '/usr/bin/systemctl --no-block try-reload-or-restart nftables.service',
    '/usr/bin/journalctl --rotate --vacuum-time=1s',
  ])
  t.equal(await finishFactoryReset(ground, signal), false, 'once')
})

t.test('one that is cut off is done again', async t => {
  const { root, dataDir, files, ground } = await used(t)
  await files.write('resetMark', '')
  for (const at of ['find', 'systemctl', 'journalctl']) {
    const run: RunProgram = async (file, ...more) => {
      if (file.endsWith(at)) throw new Error('cut')
      return await ground.run(file, ...more)
    }
    await t.rejects(finishFactoryReset({ ...ground, run }, signal), /cut/)
    t.ok(await files.exists('resetMark'))
    writeFileSync(join(dataDir, 'hoist.db'), 'a service that should not have been started')
  }
  t.equal(await finishFactoryReset(ground, signal), true)
  t.notOk(existsSync(join(dataDir, 'hoist.db')))
  t.same(Object.keys(tree(root)), left)
})

t.test('whatever names the service has given, and however deep, they go', async t => {
  const { root, dataDir, files, ground } = await used(t)
  await files.write('resetMark', '')
  const invalid = Buffer.concat([Buffer.from(`${dataDir}/-r`), Buffer.from([0xff, 0x0a])])
  writeFileSync(invalid, 'a name that is no text')
  mkdirSync(join(dataDir, '-rf'))
  // Deeper than any path may be long, by renames as nobody can name it at once.
  const part = 'd'.repeat(200)
  for (let depth = 0; depth < 40; depth++) {
    mkdirSync(join(dataDir, 'next'))
    if (depth > 0) renameSync(join(dataDir, 'deep'), join(dataDir, 'next', part))
    renameSync(join(dataDir, 'next'), join(dataDir, 'deep'))
  }
  await t.rejects(rm(join(dataDir, 'deep'), { recursive: true }), { code: 'ENAMETOOLONG' })
  t.equal(await finishFactoryReset(ground, signal), true)
  t.same(readdirSync(dataDir), [])
  t.equal(readFileSync(join(root, 'outside/keep'), 'utf8'), 'kept')
})

t.test('what the deployment has set is kept: the first boot after it believes nobody else', async t => {
  const { files, ground } = await used(t)
  await files.write('deploymentProperties', '[]\n')
  await files.write('resetMark', '')
  t.equal(await finishFactoryReset(ground, signal), true)
  t.equal(await files.read('deploymentProperties'), '[]\n')
})

const kept = JSON.stringify([
  ['hostname', ['h']],
  ['setup_code', ['CANARY']],
])

t.test('but its setup code is not; and where an image of before has kept nothing, its key for SSH is', async t => {
  for (const [before, after] of [
    [kept, '[["hostname",["h"]]]\n'],
    [kept.slice(0, -3), ''],
    ['null\n', 'null\n'],
    [undefined, '[["ssh_key",["sshKeys"]]]\n'],
  ] as const) {
    const { files, ground } = await used(t)
    if (before !== undefined) await files.write('deploymentProperties', before)
    await files.write('resetMark', '')
    t.equal(await finishFactoryReset(ground, signal), true)
    t.equal(await files.read('deploymentProperties'), after)
  }
})

t.test('wherever a power cut ends it, the next start ends with the same', async t => {
  for (const before of [kept, undefined]) await cutEverywhere(t, before)
})

async function cutEverywhere(t: Test, before: string | undefined) {
  const marked = async () => {
    const lab = await used(t)
    if (before !== undefined) await lab.files.write('deploymentProperties', before)
    await lab.files.write('resetMark', '')
    return lab
  }
  const whole = await marked()
  await finishFactoryReset(whole.ground, signal)
  const wanted = tree(whole.root)
  t.notMatch(JSON.stringify(wanted), /CANARY/)
  let cuts = 0
  for (let steps = 0; ; steps++) {
    const lab = await marked()
    const cut = await finishFactoryReset({ ...lab.ground, ...cutAfter(steps, lab.ground) }, signal).then(
      () => false,
      () => true,
    )
    if (!cut) break
    cuts += 1
    t.ok(await lab.files.exists('resetMark'), 'the mark is the last to go')
    t.equal(await finishFactoryReset(lab.ground, signal), true)
    t.same(tree(lab.root), wanted)
  }
  t.ok(cuts > 10, `${cuts} steps`)
}
