// A system disk into an OVA: VMDKs, descriptor, manifest and signature, in the order that lets a reader stream it.
import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import { writeVmdkStream } from '../appliance/disk/vmdk-stream-writer.ts'
import { formatDeployOptions, type Provisioning } from './deploy-options.ts'
import { formatDescriptor, type PackagedDisk } from './descriptor.ts'
import { formatCertificate, formatManifest, type ManifestEntry, type Signer, sha256 } from './manifest.ts'
import { RawDisk } from './raw-disk.ts'
import { TAR_END, tarHeader, tarPadding } from './tar.ts'

/**
 * The data disk's capacity: 64 GiB. docs/adr/0005 has the arithmetic. No disk is staged there; it holds the database, its
 * copies, manifests and logs, and grows with the disk that vSphere gives it.
 */
export const DATA_DISK_BYTES = 64 * 2 ** 30

/** Names inside the OVA do not depend on the file's own, so that its bytes do not either. */
const names = {
  descriptor: 'hoist.ovf',
  manifest: 'hoist.mf',
  certificate: 'hoist.cert',
  system: 'hoist-system.vmdk',
  data: 'hoist-data.vmdk',
}

export interface PackageOptions {
  /** A raw image. */
  diskPath: string
  /** Written beside it under another name first; replaced if it is there. `X.ova` gets its options for govc as `X.govc.json`. */
  outPath: string
  version: string
  /** Seconds since 1970: the time of every file in the OVA. */
  modifiedAt: number
  eula: string
  provisioning: Provisioning
  signer?: Signer
  /** Threads that compress. */
  workers?: number
  signal: AbortSignal
}

export interface PackageResult {
  sizeBytes: number
  /** Of the whole OVA, hexadecimal. */
  sha256: string
  optionsPath: string
}

interface WrittenDisk extends PackagedDisk, ManifestEntry {
  path: string
}

/** Writes the OVA. The same input gives the same bytes. Memory does not grow with the disk; the VMDK is written beside `outPath`. */
export async function packageOva(options: PackageOptions): Promise<PackageResult> {
  const { outPath, version, eula, modifiedAt, signer, provisioning, signal } = options
  const scratch = `${outPath}.${randomUUID()}`
  const paths = {
    system: `${scratch}.system`,
    data: `${scratch}.data`,
    ova: `${scratch}.partial`,
    options: `${scratch}.json`,
  }
  try {
    const system = await writeSystemDisk(options, paths.system)
    const data = await writeVmdk([], DATA_DISK_BYTES, names.data, paths.data, { workers: 0, signal })
    const descriptor = formatDescriptor({ version, eula, system, data })
    const manifest = formatManifest([{ fileName: names.descriptor, sha256: sha256(descriptor) }, system, data])
    const texts: [name: string, text: string][] = [
      [names.descriptor, descriptor],
      [names.manifest, manifest],
    ]
    if (signer) texts.push([names.certificate, formatCertificate(names.manifest, manifest, signer)])
    const written = await writeTar(paths.ova, texts, [system, data], modifiedAt, signal)
    const optionsPath = `${outPath.replace(/\.ova$/, '')}.govc.json`
    await writeFile(paths.options, formatDeployOptions(provisioning))
    await rename(paths.options, optionsPath)
    await rename(paths.ova, outPath)
    return { ...written, optionsPath }
  } finally {
    for (const path of Object.values(paths)) await rm(path, { force: true })
  }
}

async function writeSystemDisk(options: PackageOptions, path: string): Promise<WrittenDisk> {
  await using raw = await RawDisk.open(options.diskPath)
  const written = await writeVmdk(raw.blocks(options.signal), raw.sizeBytes, names.system, path, options)
  return { ...written, populatedBytes: raw.populatedBytes }
}

async function writeVmdk(
  blocks: Parameters<typeof writeVmdkStream>[0],
  capacityBytes: number,
  fileName: string,
  path: string,
  { workers = 2, signal }: Pick<PackageOptions, 'workers' | 'signal'>,
): Promise<WrittenDisk> {
  await using file = await open(path, 'wx')
  const out = new HashedFile(file)
  for await (const bytes of writeVmdkStream(blocks, { capacityBytes, fileName, workers, signal }))
    await out.write(bytes)
  const { sizeBytes: fileBytes, sha256 } = out.end()
  return { path, fileName, fileBytes, capacityBytes, populatedBytes: 0, sha256 }
}

async function writeTar(
  path: string,
  texts: readonly (readonly [name: string, text: string])[],
  disks: readonly WrittenDisk[],
  modifiedAt: number,
  signal: AbortSignal,
): Promise<{ sizeBytes: number; sha256: string }> {
  await using file = await open(path, 'wx')
  const out = new HashedFile(file)
  for (const [name, text] of texts) {
    const bytes = Buffer.from(text)
    await out.write(tarHeader({ name, sizeBytes: bytes.length, modifiedAt }))
    await out.write(bytes)
    await out.write(tarPadding(bytes.length))
  }
  for (const disk of disks) {
    await out.write(tarHeader({ name: disk.fileName, sizeBytes: disk.fileBytes, modifiedAt }))
    await using source = await open(disk.path)
    for await (const bytes of source.createReadStream({ highWaterMark: 2 ** 20, signal, autoClose: false }))
      await out.write(bytes)
    await out.write(tarPadding(disk.fileBytes))
  }
  await out.write(TAR_END)
  await file.sync()
  return out.end()
}

/** A file that is only ever appended to, and what its bytes come to. */
class HashedFile {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  #sizeBytes = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes)
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at)
      at += bytesWritten
    }
    this.#sizeBytes += bytes.length
  }

  end(): { sizeBytes: number; sha256: string } {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') }
  }
}
