// Steps that start nothing: the OVA as programs of others read it, and as vCenter takes it.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { startLab } from '../lab/lab.ts'
import { ensureTools, run } from '../lab/tools.ts'
import { govc, importOva } from '../ova/import-ova.ts'
import { largestOvaBytes } from './build.ts'
import type { Unpacked } from './disks.ts'

/** virt-v2v, qemu-img, tar and SHA-256. */
export async function readers(ova: string, unpacked: Unpacked): Promise<string> {
  await ensureTools(['ova', 'images'])
  const { size } = await stat(ova)
  if (size >= largestOvaBytes) throw new Error(`the OVA has ${size} bytes, more than ${largestOvaBytes}`)
  const { names, directory, vmdks } = unpacked
  const order = [basename(vmdks.system), basename(vmdks.data)]
  // A certificate may stand between the manifest and the disks.
  if (!names[0]?.endsWith('.ovf') || !names[1]?.endsWith('.mf') || names.slice(-2).join() !== order.join())
    throw new Error(`the order in the tar is ${names.join(', ')}`)
  await checkManifest(directory, names)
  for (const file of Object.values(vmdks)) await run('qemu-img', ['check', '-f', 'vmdk', file])
  const env = { ...process.env, LIBGUESTFS_BACKEND: 'direct' }
  const source = await run('virt-v2v', ['-i', 'ova', ova, '--print-source'], { env })
  for (const expected of [/memory: 4294967296/, /nr vCPUs: 2/, /firmware: uefi/]) {
    if (!expected.test(source)) throw new Error(`virt-v2v does not see ${expected}:\n${source}`)
  }
  return `${(size / 2 ** 20).toFixed(0)} MiB; virt-v2v reads it, qemu-img checks both disks, ${names.join(', ')}`
}

/** Every file of the tar but manifest and certificate has one line, nothing else has, and each is true. */
export async function checkManifest(directory: string, names: readonly string[]): Promise<void> {
  const manifest = names.find(name => name.endsWith('.mf')) ?? ''
  const told: string[] = []
  for (const line of (await readFile(join(directory, manifest), 'utf8')).trim().split('\n')) {
    const [, file = '', digest] = /^SHA256\(([^)]+)\)= ([0-9a-f]{64})$/.exec(line) ?? []
    told.push(file)
    if (!names.includes(file) || (await sha256Of(join(directory, file))) !== digest)
      throw new Error(`the manifest is wrong: ${line}`)
  }
  const due = names.filter(name => !/\.(mf|cert)$/.test(name))
  if (told.sort().join() !== due.sort().join()) throw new Error(`the manifest has ${told}, and the OVA ${due}`)
}

/** `govc import.ova` with properties into the lab's vCenter. */
export async function vcenterImport(ova: string, optionsPath: string, unpacked: Unpacked): Promise<string> {
  await ensureTools(['govc'])
  await using lab = await startLab({ aws: false, config: {} })
  const values: Record<string, string> = { hostname: 'hoist.example.com', setup_code: 'a code & "more" 12345' }
  const options = JSON.parse(await readFile(optionsPath, 'utf8')) as {
    PropertyMapping: { Key: string; Value: string }[]
  }
  const filled = join(unpacked.directory, 'import.json')
  const content = {
    ...options,
    PropertyMapping: options.PropertyMapping.map(({ Key, Value }) => ({ Key, Value: values[Key] ?? Value })),
    NetworkMapping: [{ Name: 'Management', Network: 'VM Network' }],
  }
  await writeFile(filled, JSON.stringify(content), { mode: 0o600 })
  const received = await importOva(lab, { ova, optionsPath: filled, name: 'hoist' })
  for (const [index, file] of Object.values(unpacked.vmdks).entries()) {
    if (received[index]?.sha256 !== (await sha256Of(file))) throw new Error(`vCenter was sent another disk ${index}`)
  }
  type Config = { vAppConfig: { property: { id: string; value?: string }[] } }
  const config: Config = JSON.parse(await govc(lab, ['collect', '-json', 'vm/hoist', 'config']))[0].val
  for (const [key, value] of Object.entries(values)) {
    const arrived = config.vAppConfig.property.find(({ id }) => id === key)?.value
    if (arrived !== value) throw new Error(`the property ${key} did not arrive`)
  }
  return `govc ${(await govc(lab, ['version'])).trim().split(' ').at(-1)}: ${config.vAppConfig.property.length} properties, ${received.length} disks whole`
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
