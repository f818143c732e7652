// What the build puts on the base: the release, the system's own files (packer/rootfs) and the keys that releases are signed with, as one tar.

import { chmod, copyFile, mkdir, readdir, readlink, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { run } from '../test/lab/tools.ts'
import type { SourceFile } from './release-files.ts'

export interface Payload {
  /** As in package.json: names the release's folder. */
  version: string
  release: readonly SourceFile[]
  /** A folder as it is to lie at the machine's `/`. */
  rootfs: string
  /** Public keys (PEM) for /etc/hoist/release-keys. */
  releaseKeys: readonly string[]
  /** Seconds since 1970, the time of every file. */
  modifiedAt: number
}

/**
 * Makes `payload.tar` in a folder, all root's, by way of a tree beside it.
 * @returns the tar's path
 */
export async function makePayload(directory: string, payload: Payload): Promise<string> {
  const tree = join(directory, 'payload')
  const put = async (from: string, to: string, mode = 0o644) => {
    const path = join(tree, to)
    await mkdir(dirname(path), { recursive: true })
    await copyFile(from, path)
    await chmod(path, mode)
  }
  const link = async (target: string, at: string) => {
    await mkdir(dirname(join(tree, at)), { recursive: true })
    await symlink(target, join(tree, at))
  }
  for (const entry of await readdir(payload.rootfs, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name)
    const to = from.slice(payload.rootfs.length)
    if (entry.isFile()) await put(from, to, (await stat(from)).mode & 0o100 ? 0o755 : 0o644)
    if (entry.isSymbolicLink()) await link(await readlink(from), to)
  }
  const release = `opt/hoist/releases/${payload.version}`
  for (const { path, from, executable } of payload.release)
    await put(from, join(release, path), executable ? 0o755 : 0o644)
  await link(`releases/${payload.version}`, 'opt/hoist/current')
  await link(`releases/${payload.version}`, 'opt/hoist/proven')
  await mkdir(join(tree, 'etc/hoist/release-keys'), { recursive: true })
  for (const key of payload.releaseKeys) await put(key, join('etc/hoist/release-keys', basename(key)))
  const out = join(directory, 'payload.tar')
  const same = [
    '--sort=name',
    '--owner=root:0',
    '--group=root:0',
    `--mtime=@${payload.modifiedAt}`,
    '--mode=u=rwX,go=rX',
  ]
  await run('tar', [
    '--create',
    '--file',
    out,
    '--format=gnu',
    ...same,
    '--directory',
    tree,
    ...(await readdir(tree)).sort(),
  ])
  return out
}
