// The command: its options, what it writes, and how it ends.
import { access, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { optionsOf } from '../../ova/build-ova.ts'
import { sha256 } from '../../ova/manifest.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { makeSigner, run, writeSystemDisk } from './sample.ts'

const program = new URL('../../ova/build-ova.ts', import.meta.url).pathname
const build = (args: string[], env: Record<string, string> = {}) =>
  run(process.execPath, [program, ...args], { env: { ...process.env, ...env } })

t.test('the command writes the OVA and its options for govc, the same for everybody', async t => {
  const directory = t.testdir()
  const disk = await writeSystemDisk(directory)
  const { paths } = await makeSigner(directory)
  const args = ['--disk', disk, '--sign-key', paths.privateKey, '--sign-certificate', paths.certificate, '--out']
  const built = async (name: string, env: Record<string, string>) => {
    const out = join(directory, name)
    const { stdout } = await build([...args, out], env)
    const digest = sha256(await readFile(out))
    t.match(stdout, digest)
    return digest
  }
  const epoch = { SOURCE_DATE_EPOCH: '1700000000' }
  const first = await built('a.ova', { ...epoch, TZ: 'Pacific/Auckland', LC_ALL: 'C' })
  t.equal(await built('b.ova', { ...epoch, TZ: 'America/Caracas', LC_ALL: 'tr_TR.UTF-8' }), first)
  const listed = await run('tar', ['--utc', '-xOf', join(directory, 'a.ova'), 'hoist.ovf'])
  t.match(listed.stdout, `<Version>${packageJson.version}</Version>`)
  t.match(listed.stdout, /Apache License/)
  t.match(JSON.parse(await readFile(join(directory, 'a.govc.json'), 'utf8')), { DiskProvisioning: 'thin' })
})

t.test('what the image is made of goes with it, and that there is nothing is said', async t => {
  const out = { 'a.cdx.json': 'of another image' }
  const directory = t.testdir({ image: { 'hoist-9.9.9.cdx.json': 'another release' }, out })
  const disk = await writeSystemDisk(join(directory, 'image'))
  const args = ['--disk', disk, '--out', join(directory, 'out/a.ova')]
  const epoch = { SOURCE_DATE_EPOCH: '1700000000' }
  t.match((await build(args, epoch)).stderr, /no bill of materials/)
  await t.rejects(access(join(directory, 'out/a.cdx.json')), { code: 'ENOENT' }, 'what was there was of another image')
  for (const kind of ['cdx.json', 'licences.txt'])
    await writeFile(join(directory, `image/hoist-${packageJson.version}.${kind}`), `these ${kind}`)
  const { stdout, stderr } = await build(args, epoch)
  t.equal(stderr, '')
  for (const kind of ['cdx.json', 'licences.txt']) {
    t.match(stdout, `a.${kind}: `)
    t.equal(await readFile(join(directory, `out/a.${kind}`), 'utf8'), `these ${kind}`)
  }
})

t.test('what it is told is what it does', async t => {
  const args = ['--disk', 'd', '--out', 'o.ova', '--version', '9.8.7', '--thick']
  const options = await optionsOf(args, { SOURCE_DATE_EPOCH: '12' })
  t.match(options, { diskPath: 'd', outPath: 'o.ova', version: '9.8.7', provisioning: 'thick', modifiedAt: 12 })
  t.equal(await optionsOf(['--help'], {}), 'help')
  const { stdout } = await run('git', ['log', '-1', '--format=%ct'], { cwd: import.meta.dirname })
  t.match(await optionsOf(['--disk', 'd', '--out', 'o.ova'], {}), { modifiedAt: Number(stdout), provisioning: 'thin' })
})

t.test('a slip on the command line is named', async t => {
  const epoch = { SOURCE_DATE_EPOCH: '1' }
  const both = ['--disk', 'd', '--out', 'o.ova']
  for (const args of [
    [],
    ['--disk', 'd'],
    ['--disk', 'd', '--out', 'o.raw'],
    ['--disk', 'd.ova', '--out', 'd.ova'],
    ['--out', 'o.ova'],
    [...both, '--thin'],
    [...both, 'more'],
    [...both, '--sign-key', 'k'],
  ])
    await t.rejects(optionsOf(args, epoch), { name: 'UsageError' }, args.join(' '))
  for (const SOURCE_DATE_EPOCH of ['', 'now', '-1', '1.5', '99999999999'])
    await t.rejects(optionsOf(both, { SOURCE_DATE_EPOCH }), { message: /no number of seconds/ }, SOURCE_DATE_EPOCH)
})

t.test('it ends with 2 after a slip, with 1 when it cannot be done, and leaves nothing', async t => {
  const directory = t.testdir()
  t.match((await build(['--help'])).stdout, /usage: npm run build-ova/)
  await t.rejects(build(['--disk', 'd']), { code: 2, message: /--disk and --out are needed\n\nusage/ })
  const args = ['--disk', join(directory, 'missing.raw'), '--out', join(directory, 'a.ova')]
  await t.rejects(build(args), { code: 1, message: /^build-ova: ENOENT/m })
  t.strictSame(await readdir(directory), [])
})
