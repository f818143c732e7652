// A UEFI firmware that boots from pvscsi: Debian 12's OVMF has no driver for it; a newer Debian's package ovmf-legacy has.
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageSources } from '../../packer/package-sources.ts'
import { cacheDirectory, run } from '../lab/tools.ts'
import { Skipped } from './results.ts'

const release = 'sid'
const packageName = 'ovmf-legacy'
const directory = join(cacheDirectory, packageName)
const firmware = 'usr/share/ovmf/OVMF.legacy.fd'

/**
 * Downloads it once by apt, which verifies it, beside this machine's own lists and packages.
 * @throws Skipped where apt cannot have it
 */
export async function legacyFirmware(): Promise<{ file: string; version: string }> {
  if (!existsSync(join(directory, firmware))) {
    try {
      await download()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Skipped(`no firmware that boots from pvscsi: apt has no ${packageName} of Debian ${release}: ${why}`)
    }
  }
  const version = (await readdir(directory)).find(name => name.endsWith('.deb'))?.split('_')[1] ?? ''
  return { file: join(directory, firmware), version }
}

async function download(): Promise<void> {
  const fresh = `${directory}.new`
  await rm(fresh, { recursive: true, force: true })
  for (const folder of ['lists/partial', 'cache/archives/partial', 'package'])
    await mkdir(join(fresh, folder), { recursive: true })
  const first = (await packageSources()).split('\n')[0]?.split(' ')[1]
  await writeFile(join(fresh, 'sources.list'), `deb ${first} ${release} main\n`)
  const places = {
    'Dir::State::lists': join(fresh, 'lists'),
    'Dir::Cache': join(fresh, 'cache'),
    'Dir::Etc::sourcelist': join(fresh, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'APT::Sandbox::User': 'root',
  }
  const options = Object.entries(places).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  await run('apt-get', [...options, '-qq', 'update'])
  const uris = await run('apt-get', [...options, '-qq', '--print-uris', 'download', packageName])
  const name = /^'[^']*' (\S+\.deb) /m.exec(uris)?.[1]
  if (name === undefined) throw new Error('it names no file')
  await run('env', ['-C', join(fresh, 'package'), 'apt-get', ...options, '-qq', 'download', packageName])
  await run('dpkg-deb', ['-x', join(fresh, 'package', name), join(fresh, 'package')])
  await rm(directory, { recursive: true, force: true })
  await rename(join(fresh, 'package'), directory)
  await rm(fresh, { recursive: true })
}
