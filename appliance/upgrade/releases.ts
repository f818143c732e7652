// The directory of releases and the links beside it: which release the service runs, which is proven, and which are kept.
import { lstat, readdir, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceLink } from '../durable-file.ts'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { versionPattern } from './version.ts'

export interface Releases {
  /** Where bundles are unpacked. */
  directory: string
  /** Version that `current` points to. @throws {ApplianceError} UPGRADE_FAILED when it points to none */
  current(): Promise<string>
  /** In one step, on disk when this returns. */
  switchTo(version: string): Promise<void>
  /** `proven`: as switchTo. */
  prove(version: string): Promise<void>
  /** Removes all releases but these, the current and the proven one. */
  keepOnly(versions: readonly string[]): Promise<void>
}

/** @param top `/opt/hoist`: `releases/VERSION` for each, `current` and `proven` */
export function releasesIn(top: string): Releases {
  const directory = join(top, 'releases')
  const link = join(top, 'current')
  const provenLink = join(top, 'proven')

  async function versionAt(link: string): Promise<string> {
    const version = /^releases\/(.*)$/.exec(await readlink(link))?.[1] ?? ''
    if (isVersion(version)) return version
    throw new ApplianceError('UPGRADE_FAILED', `The link ${link} points to no release.`, {
      hint: 'Deploy the appliance anew and keep its data disk.',
    })
  }

  return {
    directory,
    current: () => versionAt(link),

    async switchTo(version) {
      await replaceLink(link, `releases/${version}`)
    },

    async prove(version) {
      await replaceLink(provenLink, `releases/${version}`)
    },

    async keepOnly(versions) {
      // A machine deployed before there was that link starts everything from the current one.
      const proven = (await lstat(provenLink).catch(ignoreMissing)) ? [await versionAt(provenLink)] : []
      const kept = [...versions, await versionAt(link), ...proven]
      for (const name of await readdir(directory))
        if (isVersion(name) && !kept.includes(name)) await rm(join(directory, name), { recursive: true, force: true })
    },
  }
}

function isVersion(name: string): boolean {
  return new RegExp(versionPattern).test(name)
}
