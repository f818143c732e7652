// The disks of an OVA, out of the OVA itself; and what a machine writes over them.
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../lab/tools.ts'

export interface Unpacked {
  directory: string
  /** In the tar's order. */
  names: string[]
  /** VMDKs as they stand in the OVA. */
  vmdks: { system: string; data: string }
  /** The same as qcow2, which a machine boots from faster: nothing writes to them. */
  disks: { system: string; data: string }
}

/** Unpacks an OVA into an empty directory, by tar and qemu-img. */
export async function unpackOva(ova: string, directory: string): Promise<Unpacked> {
  await mkdir(directory, { recursive: true })
  const names = (await run('tar', ['-tf', ova])).trim().split('\n')
  await run('tar', ['-xf', ova, '-C', directory])
  const descriptor = await readFile(join(directory, names[0] ?? ''), 'utf8')
  const disk = async (kind: 'system' | 'data') => {
    const file = new RegExp(`ovf:href="([^"]+)" ovf:id="${kind}-file"`).exec(descriptor)?.[1]
    if (file === undefined) throw new Error(`the descriptor names no ${kind} disk`)
    const vmdk = join(directory, file)
    const qcow2 = join(directory, `${kind}.qcow2`)
    await run('qemu-img', ['convert', '-f', 'vmdk', '-O', 'qcow2', vmdk, qcow2])
    return { vmdk, qcow2 }
  }
  const [system, data] = [await disk('system'), await disk('data')]
  return {
    directory,
    names,
    vmdks: { system: system.vmdk, data: data.vmdk },
    disks: { system: system.qcow2, data: data.qcow2 },
  }
}

/** A disk that begins as another and takes what is written. */
export async function overlay(base: string, path: string, format: 'qcow2' | 'raw' = 'qcow2'): Promise<string> {
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', format, '-b', base, path])
  return path
}

/** A fresh pair of disks, as deployed. */
export async function deployedDisks({ disks, directory }: Unpacked, name: string): Promise<string[]> {
  const taken = (await readdir(directory)).some(entry => entry.startsWith(`${name}-`))
  if (taken) throw new Error(`there are disks of ${name} already`)
  return [
    await overlay(disks.system, join(directory, `${name}-system.qcow2`)),
    await overlay(disks.data, join(directory, `${name}-data.qcow2`)),
  ]
}
