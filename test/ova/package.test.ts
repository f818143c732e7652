import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { sha256 } from '../../ova/manifest.ts'
import { DATA_DISK_BYTES } from '../../ova/package.ts'
import { sameAsRaw } from '../disk/qemu-img.ts'
import { MODIFIED_AT, makeSigner, pack, printedByFailure, run, writeSystemDisk } from './sample.ts'

const virtV2v = (ova: string) =>
  run('virt-v2v', ['-i', 'ova', ova, '--print-source'], { env: { ...process.env, LIBGUESTFS_BACKEND: 'direct' } })

t.test('tar, sha256sum, xmllint and qemu-img find in it what was packed, for disks of many shapes', async t => {
  for (const seed of [1, 2, 3, 4]) {
    const directory = t.testdir()
    const diskPath = await writeSystemDisk(directory, { seed, mebibytes: 1 + seed * 17 })
    const { ova } = await pack(directory, { diskPath })
    const listed = await run('tar', ['--utc', '-tvf', ova])
    t.match(
      listed.stdout,
      /^-rw-r--r-- 0\/0 +\d+ 2023-11-14 22:13 hoist\.ovf\n.* hoist\.mf\n.* hoist-system\.vmdk\n.* hoist-data\.vmdk\n$/,
      'owned by nobody, of a fixed time, in the order that lets a reader stream it',
    )
    const cwd = join(directory, 'unpacked')
    await run('mkdir', [cwd])
    await run('tar', ['-xf', ova, '-C', cwd])
    const checked = await run('sha256sum', ['--strict', '-c', 'hoist.mf'], { cwd })
    t.equal(checked.stdout, 'hoist.ovf: OK\nhoist-system.vmdk: OK\nhoist-data.vmdk: OK\n')
    await run('xmllint', ['--noout', '--nonet', 'hoist.ovf'], { cwd })
    t.ok(await sameAsRaw(diskPath, join(cwd, 'hoist-system.vmdk')), `every byte of the system disk, seed ${seed}`)
    for (const name of ['hoist-system.vmdk', 'hoist-data.vmdk']) await run('qemu-img', ['check', '-q', name], { cwd })
    const data = await run('qemu-img', ['info', '--output=json', 'hoist-data.vmdk'], { cwd })
    t.equal(JSON.parse(data.stdout)['virtual-size'], DATA_DISK_BYTES)
  }
})

t.test('virt-v2v reads the machine, and refuses an OVA whose disk was changed', async t => {
  const directory = t.testdir()
  const { ova } = await pack(directory, { diskPath: await writeSystemDisk(directory) })
  const { stdout } = await virtV2v(ova)
  for (const line of [
    /source name: Hoist/,
    /memory: 4294967296 /,
    /nr vCPUs: 2/,
    /firmware: uefi/,
    /disks:\n\t0 \[scsi\]\n\t1 \[scsi\]\n/,
    /CD-ROM \[ide\]/,
    /"Management" \[vmxnet3\]/,
  ])
    t.match(stdout, line)
  const bytes = await readFile(ova)
  const at = bytes.indexOf('KDMV') + 70_000
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await writeFile(ova, bytes)
  t.match(await printedByFailure(virtV2v(ova)), /checksum/)
})

t.test('the same input gives the same bytes, whatever the name, the threads and the clock', async t => {
  const directory = t.testdir({ a: {}, b: {} })
  const first = await pack(join(directory, 'a'), { diskPath: await writeSystemDisk(join(directory, 'a')) })
  const diskPath = await writeSystemDisk(join(directory, 'b'))
  const second = await pack(join(directory, 'b'), { diskPath, outPath: join(directory, 'other.ova'), workers: 2 })
  t.equal(second.sha256, first.sha256)
  const bytes = await readFile(second.ova)
  t.ok(bytes.equals(await readFile(first.ova)))
  t.equal(sha256(bytes), second.sha256, 'its digest is that of the file')
  t.equal(bytes.length, second.sizeBytes)
  const later = await pack(directory, { diskPath, modifiedAt: MODIFIED_AT + 1 })
  t.not(later.sha256, first.sha256, 'the time is in it')
})

t.test('a signed OVA has its certificate after the manifest', async t => {
  const directory = t.testdir()
  const diskPath = await writeSystemDisk(directory)
  const signer = await makeSigner(directory)
  const signed = await pack(directory, { diskPath, signer })
  const { stdout } = await run('tar', ['-tf', signed.ova])
  t.equal(stdout, 'hoist.ovf\nhoist.mf\nhoist.cert\nhoist-system.vmdk\nhoist-data.vmdk\n')
  t.notOk((await readFile(signed.ova)).includes('PRIVATE KEY'))
  t.equal((await pack(directory, { diskPath, signer })).sha256, signed.sha256, 'the same each time')
})

t.test('what fails or is stopped leaves nothing behind, and the OVA of before as it was', async t => {
  const directory = t.testdir({ 'sample.ova': 'the one of before' })
  const diskPath = await writeSystemDisk(directory, { mebibytes: 400 })
  const before = (await readdir(directory)).sort()
  const unchanged = async (what: string) => {
    t.strictSame((await readdir(directory)).sort(), before, what)
    t.equal(await readFile(join(directory, 'sample.ova'), 'utf8'), 'the one of before', what)
  }
  await t.rejects(pack(directory, { diskPath, version: 'none' }), RangeError)
  await unchanged('a version that is none')
  await t.rejects(pack(directory, { diskPath, signer: { privateKey: '', certificate: '' } }), {
    message: /signing key/,
  })
  await unchanged('a key that is none')
  for (const milliseconds of [0, 5, 20]) {
    const stop = new AbortController()
    const packing = pack(directory, { diskPath, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), milliseconds)
    await t.rejects(packing, { message: 'enough' })
    await unchanged(`stopped after ${milliseconds} ms`)
  }
})

t.test('memory does not grow with the disk', async t => {
  const sample = JSON.stringify(new URL('./sample.ts', import.meta.url).href)
  const directory = t.testdir({
    'peak.mjs': `
      const { pack } = await import(${sample})
      await pack(process.argv[2], { diskPath: process.argv[3] })
      console.log(process.resourceUsage().maxRSS)`,
  })
  const script = join(directory, 'peak.mjs')
  const peak = async (mebibytes: number) => {
    const diskPath = join(directory, `${mebibytes}.raw`)
    await run('sh', ['-c', `head -c ${mebibytes}M /dev/urandom > ${diskPath}`])
    const { stdout } = await run(process.execPath, [script, directory, diskPath])
    return Number(stdout) / 1024
  }
  const [small, large] = [await peak(8), await peak(128)]
  t.ok(large < small + 64, `${small.toFixed(0)} MiB for 8 MiB, ${large.toFixed(0)} MiB for 128 MiB`)
})
