// What the sandbox of the service lets the health checks see.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const rootfs = join(import.meta.dirname, '../../packer/rootfs')

/** Of all lines KEY=VALUE VALUE of hoist.service. */
export function unitValues(key: string): string[] {
  return linesOf('etc/systemd/system/hoist.service').flatMap(line =>
    line.startsWith(`${key}=`) ? line.slice(key.length + 1).split(' ') : [],
  )
}

/** Whether the service finds these paths in its sandbox as they are on the machine. */
export function sandboxShows(...paths: string[]): boolean {
  const covers = (hidden: string) => paths.some(path => `${path}/`.startsWith(`${hidden.replace(/^[-+]*/, '')}/`))
  const moved = [...unitValues('RootDirectory'), ...unitValues('RootImage'), ...unitValues('TemporaryFileSystem')]
  return moved.length === 0 && !unitValues('InaccessiblePaths').some(covers)
}

/** The mount points of the image's fstab. */
export function mountPoints(): string[] {
  return linesOf('etc/fstab').flatMap(line => (line.startsWith('#') ? [] : (line.split(/\s+/)[1] ?? [])))
}

function linesOf(path: string): string[] {
  return readFileSync(join(rootfs, path), 'utf8').split('\n')
}
