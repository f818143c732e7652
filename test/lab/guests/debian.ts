// A real Debian server that boots by BIOS and by UEFI: a root disk (GPT) and a data disk (ext4, no table) with real files.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bootLoader } from '../../../packer/boot-loader.ts'
import { ext4FileSystem, MiB, type Partition, partitionedDisk } from '../../../packer/disk-image.ts'
import { cacheDirectory, ensureTools, run } from '../tools.ts'
import { madeOnce } from './made-once.ts'

const diskMiB = 2048
const biosGrub: Partition = { startMiB: 1, sizeMiB: 1, type: '21686148-6449-6E6F-744E-656564454649', name: 'bios' }
const esp: Partition = { startMiB: 2, sizeMiB: 48, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', name: 'esp' }
// The last MiB belongs to the second GPT.
const root: Partition = {
  startMiB: 50,
  sizeMiB: diskMiB - 51,
  type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
  name: 'root',
}
const dataDiskMiB = 1024

/** Paths of the guest's two raw disks; made at the first call (about two minutes), found at the next. */
export async function debianGuest(): Promise<{ root: string; data: string }> {
  await ensureTools(['guests', 'python'])
  const directory = await madeOnce('debian', ['debian.ts', '../../../packer/boot-loader.ts'], make)
  return { root: join(directory, 'root.raw'), data: join(directory, 'data.raw') }
}

async function make(directory: string): Promise<void> {
  process.stderr.write("guests: making the Debian server from Debian's packages\n")
  const tree = join(directory, 'tree')
  const disk = join(directory, 'root.raw')
  await rootTree(tree)
  await partitionedDisk(disk, diskMiB, 'gpt', [biosGrub, esp, root])
  await ext4FileSystem(disk, {
    offsetBytes: root.startMiB * MiB,
    sizeMiB: root.sizeMiB,
    label: 'root',
    from: tree,
  })
  await bootLoader({ directory, disk, label: 'root', biosGrub, esp })
  // The lab's own pinned Python packages are some 300 MB of real files that every machine that runs the lab has.
  const dataDisk = join(directory, 'data.raw')
  const from = join(cacheDirectory, 'venv/lib')
  await ext4FileSystem(dataDisk, { offsetBytes: 0, sizeMiB: dataDiskMiB, label: 'data', from })
  await run('rm', ['-rf', '--one-file-system', tree])
}

const leftOut = ['doc', 'man', 'info', 'locale'].map(name => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
const packages = ['linux-image-cloud-amd64', 'systemd-sysv', 'udev', 'kmod', 'e2fsprogs', 'login', 'passwd', 'iproute2']

async function rootTree(tree: string): Promise<void> {
  const { codename, lines } = await packageSources()
  const hook = (shell: string) => `--customize-hook=${shell}`
  const options = [
    '--quiet',
    '--mode=root',
    '--variant=minbase',
    '--format=directory',
    '--aptopt=Apt::Install-Recommends "false"',
    ...leftOut,
    `--include=${packages.join(',')}`,
    hook('echo root:lab | chroot "$1" chpasswd'),
    hook('echo debian-server > "$1/etc/hostname"'),
    // Nothing of the machine that built it stays in the guest: no name servers, package sources or proxies.
    hook('rm -rf "$1/etc/resolv.conf" "$1/etc/apt/sources.list" "$1/etc/apt/sources.list.d"'),
  ]
  await run('mmdebstrap', [...options, codename, tree, '-'], { input: lines.join('\n') })
  await writeFile(join(tree, 'etc/fstab'), fstab)
  await mkdir(join(tree, 'boot/grub'), { recursive: true })
  await mkdir(join(tree, 'boot/efi'), { recursive: true })
  await mkdir(join(tree, 'srv/data'), { recursive: true })
  await writeFile(join(tree, 'boot/grub/grub.cfg'), grubConfig)
}

// `nofail`: the server must come up in AWS or in qemu even if only its first disk is there.
const fstab = `LABEL=root / ext4 errors=remount-ro 0 1
LABEL=ESP /boot/efi vfat umask=0077,nofail 0 2
LABEL=data /srv/data ext4 nofail,x-systemd.device-timeout=20s 0 2
`

// /vmlinuz and /initrd.img are Debian's links to the newest kernel: no update-grub is needed in the guest.
const grubConfig = `serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
search --no-floppy --label root --set root
linux /vmlinuz root=LABEL=root ro console=ttyS0,115200
initrd /initrd.img
boot
`

/** This machine's own sources of Debian packages, as apt resolves them, whatever format and place they are written in. */
async function packageSources(): Promise<{ codename: string; lines: string[] }> {
  const fields = ['$(ORIGIN)', '$(SIGNED_BY)', '$(REPO_URI)', '$(RELEASE)', '$(COMPONENT)']
  const targets = await run('apt-get', ['indextargets', '--format', fields.join('|'), 'Identifier: Packages'])
  const { VERSION_CODENAME: codename } = Object.fromEntries(
    (await readFile('/etc/os-release', 'utf8'))
      .split('\n')
      .map(line => line.replaceAll('"', '').split('=') as [string, string]),
  )
  if (codename === undefined) throw new Error('/etc/os-release names no VERSION_CODENAME: the guest needs Debian')
  const lines = targets.split('\n').flatMap(line => {
    const [origin, signedBy, uri, release, component] = line.split('|')
    // Third parties' packages have no place in the guest, and a backport would win over nothing.
    if (origin !== 'Debian' || component !== 'main' || !release?.startsWith(codename)) return []
    const option = signedBy?.startsWith('/') ? ` [signed-by=${signedBy}]` : ''
    return [`deb${option} ${uri} ${release} ${component}`]
  })
  if (lines.length === 0) throw new Error('apt knows no source of Debian packages: run apt-get update')
  return { codename, lines: [...new Set(lines), ''] }
}
