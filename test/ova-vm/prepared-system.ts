// The system disk of an OVA with a few files more, as an admin would put them there: another release key, another authority.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '../../packer/disk-image.ts'
import { layout } from '../../packer/layout.ts'
import { ensureTools, run } from '../lab/tools.ts'
import type { Unpacked } from './disks.ts'

/** PEM of what the appliance is to trust beyond what it ships with. */
export interface Trusted {
  releaseKey: string
  authority: string
}

/** Returns the disk, raw, beside those of the OVA. @throws CommandError for a file that debugfs could not write */
export async function preparedSystem(unpacked: Unpacked, trusted: Trusted): Promise<string> {
  await ensureTools(['guests'])
  const raw = join(unpacked.directory, 'prepared.raw')
  await run('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', unpacked.vmdks.system, raw])
  const fileSystem = `${raw}?offset=${layout.root.startMiB * MiB}`
  const files = {
    '/etc/hoist/release-keys/test.pem': trusted.releaseKey,
    '/etc/hoist/test-authority.pem': trusted.authority,
    '/etc/systemd/system/hoist.service.d/authority.conf':
      '[Service]\nEnvironment=NODE_EXTRA_CA_CERTS=/etc/hoist/test-authority.pem\n',
  }
  for (const directory of ['/etc/hoist', '/etc/hoist/release-keys', '/etc/systemd/system/hoist.service.d'])
    await run('debugfs', ['-w', '-R', `mkdir ${directory}`, fileSystem]) // one that is there stays
  for (const [path, text] of Object.entries(files)) {
    const source = join(unpacked.directory, 'file-to-write')
    await writeFile(source, text)
    await run('debugfs', ['-w', '-R', `write ${source} ${path}`, fileSystem])
    await rm(source)
    // debugfs ends with 0 whatever happens.
    if ((await run('debugfs', ['-R', `cat ${path}`, fileSystem])) !== text) throw new Error(`${path} was not written`)
  }
  // The counts of free space are written by each debugfs on its own.
  await run('e2fsck', ['-f', '-n', fileSystem])
  return raw
}
