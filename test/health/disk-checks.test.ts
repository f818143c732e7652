// What is said of the two disks, on the image and elsewhere.
import { readdirSync } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { runCheck } from '../../appliance/health/check.ts'
import { diskChecks } from '../../appliance/health/disk-checks.ts'
import type { WriteProofOptions } from '../../appliance/health/write-proof.ts'
import { mountPoints, sandboxShows, unitValues } from './service-unit.ts'

const { signal } = new AbortController()
const imageOf = (t: Test) =>
  t.testdir({
    data: {},
    opt: { hoist: { current: t.fixture('symlink', 'releases/1.2.3') } },
    var: { tmp: {} },
  })

async function ask(id: string, root: string, options: WriteProofOptions = {}) {
  const check = diskChecks({ dataDir: `${root}/data`, root, ...options }).find(one => one.id === id)
  if (!check) throw new Error(id)
  return await runCheck(check, { signal, now: () => new Date(), onError: () => undefined })
}

/** Opening a file fails as on a file system that has such trouble, where the path has this in it. */
const refusing = (part: string, number: number, code: string): WriteProofOptions => ({
  files: {
    unlink,
    open: async (...args) => {
      if (String(args[0]).includes(part)) throw Object.assign(new Error(code), { errno: -number, code })
      return await open(...args)
    },
  },
})
const hanging = { patienceMs: 1, files: { open, unlink: () => new Promise<never>(() => undefined) } }

t.test('disks that take writes: the room that is free, and no trace', async t => {
  const root = imageOf(t)
  t.match(await ask('appliance.disk', root), { title: 'Data disk', cause: /GiB are free where the data lies/ })
  t.match(await ask('appliance.systemDisk', root), { state: 'success', title: 'System disk' })
  t.same([...readdirSync(`${root}/data`), ...readdirSync(`${root}/var/tmp`)], [])
})

t.test('a data disk that went read-only is an error, with what to do in vCenter and on the console', async t => {
  for (const [number, code] of [
    [30, 'EROFS'],
    [5, 'EIO'],
  ] as const)
    t.match(await ask('appliance.disk', imageOf(t), refusing('/data/', number, code)), {
      state: 'error',
      cause: `The data disk takes no writes (${code}).`,
      fix: /^Look at hard disk 2 of the appliance and its datastore in vCenter.* restart the machine from its console: the disk is checked then\.$/,
    })
  t.match(await ask('appliance.systemDisk', imageOf(t), refusing('/data/', 30, 'EROFS')), { state: 'success' })
})

t.test('a data disk without room is an error whatever its numbers say', async t => {
  t.match(await ask('appliance.disk', imageOf(t), refusing('/data/', 28, 'ENOSPC')), {
    state: 'error',
    cause: /^The data disk is full: it took no small file\. .* GiB are free/,
    fix: /^Enlarge hard disk 2 of the appliance in vCenter, then restart/,
  })
})

t.test('a disk that hangs is named before the check runs out of its time', async t => {
  t.match(await ask('appliance.disk', imageOf(t), hanging), {
    state: 'error',
    cause: /^The data disk has not finished a small write for \d+ s\.$/,
    fix: /hard disk 2/,
  })
})

t.test('the system disk is asked where the service may write to it', async t => {
  t.match(await ask('appliance.systemDisk', imageOf(t), refusing('/var/tmp/', 30, 'EROFS')), {
    state: 'error',
    cause: 'The system disk takes no writes (EROFS).',
    fix: /^Look at hard disk 1/,
  })
  t.match(await ask('appliance.systemDisk', imageOf(t), refusing('/var/tmp/', 28, 'ENOSPC')), {
    state: 'error',
    cause: /full/,
  })
  t.equal(unitValues('PrivateTmp').join(), 'yes', 'the sandbox has a /var/tmp that can be written to')
  t.ok(sandboxShows('/var/tmp', '/opt/hoist/current', '/var/lib/hoist'))
  t.notOk(
    mountPoints().some(path => ['/var', '/var/tmp'].includes(path)),
    'it lies on the system disk',
  )
})

t.test('elsewhere than on the image nothing is said of disks of a virtual machine', async t => {
  const root = t.testdir({ data: {} })
  t.match(await ask('appliance.systemDisk', root), { state: 'success', cause: /whoever runs this machine/ })
  const refused = await ask('appliance.disk', root, refusing('/data/', 30, 'EROFS'))
  t.match(refused, { state: 'error', fix: 'Look at the file system that holds the data directory.' })
  const full = await ask('appliance.disk', root, refusing('/data/', 28, 'ENOSPC'))
  t.notMatch(full.fix, /vCenter/)
})

t.test('what is not the fault of a disk is not blamed on it', async t => {
  t.match(await ask('appliance.disk', '/nowhere'), { state: 'error', cause: 'The check itself failed.' })
})
