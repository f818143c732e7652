// The base of the image: Debian without anything of the product, on a disk that boots both ways; kept in .cache until an input changes.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, glob, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory, lock, run } from '../test/lab/tools.ts'
import { bootLoader } from './boot-loader.ts'
import { ext4FileSystem, MiB, partitionedDisk } from './disk-image.ts'
import { diskMiB, layout } from './layout.ts'
import { nameUuid } from './name-uuid.ts'
import { codename, sourcesState } from './package-sources.ts'
import { packages } from './packages.ts'

/** The root file system's; packer/rootfs/etc/fstab names it. */
const label = 'root'

/** The service's user and group: the same number in every image, for its files on the data disk outlive the system disk. */
const serviceId = '900'
/** 2023-06-10, Debian 12's release: for dates that would otherwise be those of the build. */
const epoch = '1686355200'

/** Where bases are kept, unless a build wants a place of its own. */
export const usualBases = join(cacheDirectory, 'image-base')

/** The raw disk of the base for these package sources; about a minute when it is not in the folder `kept` and has to be made. */
export async function baseDisk(sources: string, kept: string): Promise<string> {
  const key = createHash('sha256')
    .update(sources)
    .update(await sourcesState(sources))
  for (const path of await inputs()) key.update(`${path}\n`).update(await readFile(join(import.meta.dirname, path)))
  const hash = key.digest('hex')
  const directory = join(kept, hash.slice(0, 16))
  await mkdir(kept, { recursive: true })
  using _lock = await lock(join(kept, 'lock'), 'base of the image')
  if (!existsSync(directory)) {
    for (const name of await readdir(kept)) if (name !== 'lock') await rm(join(kept, name), { recursive: true })
    const unfinished = `${directory}.unfinished`
    await mkdir(unfinished)
    await makeBase(unfinished, sources, hash)
    await rename(unfinished, directory)
  }
  return join(directory, 'base.raw')
}

/** What the base is made by and of, from this folder. */
async function inputs(): Promise<string[]> {
  const found = ['base.ts', 'boot-loader.ts', 'disk-image.ts', 'layout.ts', 'name-uuid.ts', 'packages.ts']
  for await (const entry of glob('base/**', { cwd: import.meta.dirname, withFileTypes: true }))
    if (entry.isFile()) found.push(join(entry.parentPath, entry.name).slice(import.meta.dirname.length + 1))
  return found.sort()
}

async function makeBase(directory: string, sources: string, hash: string): Promise<void> {
  const tree = join(directory, 'tree')
  const disk = join(directory, 'base.raw')
  await debianTree(tree, sources)
  await settle(tree, sources)
  await removeTraces(tree)
  // The same inputs give the same names, so that grub.cfg does not differ from build to build.
  const uuid = (what: string) => nameUuid(`${hash} ${what}`)
  const { biosGrub, esp, root } = layout
  const partitions = [biosGrub, esp, root].map(partition => ({ ...partition, uuid: uuid(`${partition.name}`) }))
  await partitionedDisk(disk, diskMiB, 'gpt', partitions, uuid('table'))
  const place = { offsetBytes: root.startMiB * MiB, sizeMiB: root.sizeMiB }
  await ext4FileSystem(disk, { ...place, label, from: tree, uuid: uuid('file system') })
  // Without a driver for what the machine may not have: base/files/etc/default/grub says why.
  await bootLoader({ directory, disk, label, biosGrub, esp, tree, serial: false, espSerial: hash.slice(0, 8) })
  await rm(tree, { recursive: true })
}

/** Documentation has no reader here; licences stay. dpkg keeps to this in the image too, when it updates packages. */
const leftOut = ['exclude=doc/*', 'include=doc/*/copyright', 'exclude=man/*', 'exclude=info/*', 'exclude=locale/*']

async function debianTree(tree: string, sources: string): Promise<void> {
  const options = ['--quiet', '--mode=root', '--variant=minbase', '--format=directory']
  options.push('--aptopt=Apt::Install-Recommends "false"')
  for (const rule of leftOut) options.push(`--dpkgopt=path-${rule.replace('=', '=/usr/share/')}`)
  // The sources are read from stdin: a file's name would not end in the image, but its content would be parsed by apt's rules for names.
  await run('mmdebstrap', [...options, `--include=${packages.join(',')}`, codename, tree, '-'], {
    input: sources,
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
  })
}

/** Everything that needs no product: it runs here at full speed, and would not in an emulated machine. */
async function settle(tree: string, sources: string): Promise<void> {
  const here = (...command: string[]) =>
    run('chroot', [tree, ...command], { env: { PATH: process.env.PATH, SOURCE_DATE_EPOCH: epoch, LC_ALL: 'C.UTF-8' } })
  await copyPlain(join(import.meta.dirname, 'base/files'), tree)
  await copyPlain(join(import.meta.dirname, 'base/build'), join(tree, 'etc/hoist-build'))
  await rename(join(tree, 'etc/hoist-build/hoist-build.service'), join(tree, 'etc/systemd/system/hoist-build.service'))
  await mkdir(join(tree, 'boot/grub'), { recursive: true })
  await mkdir(join(tree, 'boot/efi'), { recursive: true })
  await rename(join(tree, 'etc/hoist-build/grub.cfg'), join(tree, 'boot/grub/grub.cfg'))
  await writeFile(join(tree, 'etc/apt/sources.list'), sources)
  // systemd-resolved's answers are to be found where they will be.
  await rm(join(tree, 'etc/resolv.conf'), { force: true })
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(tree, 'etc/resolv.conf'))
  await here('groupadd', '--system', '--gid', serviceId, 'hoist')
  await here(
    'useradd',
    '--system',
    '--uid',
    serviceId,
    '--gid',
    'hoist',
    '--home-dir',
    '/var/lib/hoist',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    'hoist',
  )
  await here(
    'systemctl',
    '--quiet',
    'enable',
    'systemd-networkd',
    'systemd-resolved',
    'systemd-timesyncd',
    'nftables',
    'hoist-build',
  )
  await here('systemctl', '--quiet', 'disable', 'ssh')
}

/** Copies a tree as root's, with the modes of a system's files, whatever the checkout's are. */
async function copyPlain(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true })
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const path = join(to, join(entry.parentPath, entry.name).slice(from.length))
    await chmod(path, (await lstat(path)).isDirectory() ? 0o755 : 0o644)
  }
}

/** Host keys, ids, logs, caches and second copies that the installation of packages has left. */
async function removeTraces(tree: string): Promise<void> {
  await writeFile(join(tree, 'etc/machine-id'), '') // empty, not absent: systemd makes one, and does not take it for a first boot with its presets
  const patterns = [
    'etc/hostname',
    'etc/ssh/ssh_host_*',
    'etc/apt/apt.conf.d/99mmdebstrap',
    'etc/*-',
    'var/lib/dpkg/*-old',
    'var/lib/apt/lists/*',
    'var/lib/apt/extended_states-old',
  ]
  patterns.push(
    'var/cache/apt/**/*.*',
    'var/cache/debconf/*-old',
    'var/cache/ldconfig/*',
    'var/log/**/*.log',
    'var/log/{apt,runit}/*',
    '{initrd.img,vmlinuz}.old',
    'tmp/*',
    'var/tmp/*',
  )
  for (const pattern of patterns)
    for await (const path of glob(pattern, { cwd: tree })) await rm(join(tree, path), { recursive: true, force: true })
}
