// A machine as it was deployed.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { finishFactoryReset } from '../../appliance/machine/factory-reset.ts'
import { type MachineFile, machineFiles } from '../../appliance/machine/machine-files.ts'
import { tree } from './machine-lab.ts'

/** As the image has them. */
const left = ['etc/apt/apt.conf.d/20hoist-updates', 'etc/hosts', 'etc/ssh/sshd_config', 'outside/keep']
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
  const run = async (file: string, args: readonly string[]) => {
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
  await t.rejects(finishFactoryReset({ ...ground, run: () => Promise.reject(new Error('cut')) }, signal), /cut/)
  t.ok(await files.exists('resetMark'))
  writeFileSync(join(dataDir, 'hoist.db'), 'a service that should not have been started')
  t.equal(await finishFactoryReset(ground, signal), true)
  t.notOk(existsSync(join(dataDir, 'hoist.db')))
  t.same(Object.keys(tree(root)), left)
})
