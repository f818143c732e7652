// Where the image's Debian packages come from, at the build and later: a variable, whose default Debian's own apt package ships.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../test/lab/tools.ts'

/** Debian 12, whatever this machine runs. */
export const codename = 'bookworm'
const example = '/usr/share/doc/apt/examples/sources.list'

/**
 * The lines for /etc/apt/sources.list: release, updates and security, `main` only.
 * @param file in the one-line format (sources.list(5)); apt's own example if left out
 * @throws Error when it is not there or does not name what the image needs
 */
export async function packageSources(file = example): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new Error(`no package sources in ${file}: name a file with --sources`, { cause })
  }
  const found = text.split('\n').flatMap(line => {
    const source = /^deb\s+(\[[^\]]*\]\s+)?(?<uri>\S+)\s+(?<suite>\S+)\s+(?<components>.+)$/.exec(line)?.groups
    if (source === undefined || !source.components?.split(/\s+/).includes('main')) return []
    return [{ uri: source.uri, suite: source.suite }]
  })
  for (const suite of [codename, `${codename}-updates`, `${codename}-security`])
    if (!found.some(source => source.suite === suite)) throw new Error(`${file} has no source of ${suite}, main`)
  return found.map(({ uri, suite }) => `deb ${uri} ${suite} main\n`).join('')
}

/** A hash of what the sources offer at this moment: it changes when a package does, so that a kept base is never behind. */
export async function sourcesState(sources: string): Promise<string> {
  const hash = createHash('sha256')
  const directory = await mkdtemp(join(tmpdir(), 'hoist-sources-'))
  try {
    for (const [, uri, suite] of sources.matchAll(/^deb (\S+) (\S+) main$/gm)) {
      const release = join(directory, 'InRelease')
      await run('/usr/lib/apt/apt-helper', ['download-file', `${uri}/dists/${suite}/InRelease`, release])
      // Its other lines change without a change of any package.
      const index = /^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages\.xz$/m.exec(await readFile(release, 'utf8'))
      if (index === null) throw new Error(`${suite} names no index of its packages for amd64`)
      hash.update(`${index[1]}\n`)
      await rm(release)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return hash.digest('hex')
}
