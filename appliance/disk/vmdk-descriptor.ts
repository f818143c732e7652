// The text descriptor inside a VMDK: written for our streams, and read for the extent that it promises.

export interface DescriptorExtent {
  access: 'RW' | 'RDONLY' | 'NOACCESS'
  sectors: number
  type: string
  fileName: string
}

export interface VmdkDescriptor {
  createType: string | undefined
  extents: DescriptorExtent[]
}

/** The geometry that VMware gives SCSI disks; nothing reads it but the descriptor's form asks for it. */
const HEADS = 255
const SECTORS_PER_TRACK = 63

/** The descriptor of a streamOptimized disk. `fileName` must not hold quotes or line ends. */
export function formatDescriptor(options: { capacitySectors: number; fileName: string }): string {
  const { capacitySectors, fileName } = options
  if (/["\r\n]/.test(fileName)) throw new RangeError('a VMDK file name cannot hold quotes or line ends')
  const cylinders = Math.max(1, Math.floor(capacitySectors / (HEADS * SECTORS_PER_TRACK)))
  // CID fffffffe: "never written to since it was made", which holds for a stream.
  return `# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RW ${capacitySectors} SPARSE "${fileName}"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "${cylinders}"
ddb.geometry.heads = "${HEADS}"
ddb.geometry.sectors = "${SECTORS_PER_TRACK}"
ddb.adapterType = "lsilogic"
`
}

/** Reads what matters here; unknown lines are left alone, as VMware adds some with each version. */
export function parseDescriptor(text: string): VmdkDescriptor {
  const descriptor: VmdkDescriptor = { createType: undefined, extents: [] }
  for (const line of text.replace(/\0.*$/s, '').split(/\r?\n/)) {
    const createType = /^\s*createType\s*=\s*"([^"]*)"/.exec(line)
    if (createType?.[1] !== undefined) descriptor.createType = createType[1]
    const extent = /^\s*(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)")?/.exec(line)
    if (extent) {
      const [, access, sectors, type = '', fileName = ''] = extent
      descriptor.extents.push({
        access: access as DescriptorExtent['access'],
        sectors: Number(sectors),
        type,
        fileName,
      })
    }
  }
  return descriptor
}
