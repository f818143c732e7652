// A machine in a directory: what is run is only written down.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import type { Performer } from '../../appliance/machine/perform.ts'

export function labMachine(root: string) {
  const ran: string[] = []
  const uploads: string[] = []
  const performer: Performer = {
    files: machineFiles(root),
    async run(file, args) {
      ran.push([file, ...args].join(' '))
      return ''
    },
    async upgrade(file) {
      uploads.push(file)
      return { version: '1.1.0', afterwards: async () => undefined }
    },
  }
  return { performer, ran, uploads }
}

/** Every file below a directory with its content. */
export function tree(root: string): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    paths
      .filter(path => statSync(join(root, path)).isFile())
      .map(path => [path, readFileSync(join(root, path), 'utf8')]),
  )
}
