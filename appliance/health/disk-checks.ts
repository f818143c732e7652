// The appliance's own two disks: do they take writes, and is there room.
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { isApplianceImage } from './appliance-image.ts'
import { type Check, type Finding, failed, success, warning } from './check.ts'
import { type WriteProof, type WriteProofOptions, writeProof } from './write-proof.ts'

export interface DiskCheckOptions extends WriteProofOptions {
  dataDir: string
  /** The directory that the whole system lies in. */
  root: string
}

const gib = 2 ** 30
const mib = 2 ** 20
/** A backup needs the size of the database and 64 MiB; logs take 50 MiB; manifests 64 KiB for each GiB of disk. */
const diskErrorBytes = 512 * mib
const diskWarningBytes = 2 * gib
/**
 * A piece of the system disk that the service may write to in spite of ProtectSystem=strict: PrivateTmp=yes gives it a
 * /var/tmp of its own, which lies there. /tmp is memory. Where systemd could not make it, the disk was read-only already, and
 * an empty read-only directory stands in its place: that says the same.
 */
const onSystemDisk = 'var/tmp'

export function diskChecks(options: DiskCheckOptions): Check[] {
  const { dataDir, root } = options
  const writeData = writeProof(dataDir, options)
  const writeSystem = writeProof(join(root, onSystemDisk), options)
  return [
    {
      ...{ id: 'appliance.disk', group: 'appliance', title: 'Data disk' },
      async run(signal) {
        const ofImage = await isApplianceImage(root)
        const { bavail, blocks, bsize } = await statfs(dataDir)
        const proof = await writeData(signal)
        const fix = ofImage ? storageFix('hard disk 2') : 'Look at the file system that holds the data directory.'
        return writeFinding('The data disk', proof, fix) ?? roomFinding(bavail * bsize, blocks * bsize, proof, ofImage)
      },
    },
    {
      ...{ id: 'appliance.systemDisk', group: 'appliance', title: 'System disk' },
      async run(signal) {
        if (!(await isApplianceImage(root))) return success('Looked after by whoever runs this machine.')
        const proof = await writeSystem(signal)
        if (proof.state === 'full')
          return failed(
            'The system disk is full: security updates and upgrades fail.',
            'Restart the machine. If it stays full, deploy the appliance anew over the same data disk.',
          )
        return writeFinding('The system disk', proof, storageFix('hard disk 1')) ?? success('It takes writes.')
      },
    },
  ]
}

function storageFix(disk: string): string {
  return `Look at ${disk} of the appliance and its datastore in vCenter: a datastore that is full or away does this. Then restart the machine from its console: the disk is checked then.`
}

/** Undefined: the disk is not at fault, or only full. */
function writeFinding(disk: string, proof: WriteProof, fix: string): Finding | undefined {
  if (proof.state === 'refused') return failed(`${disk} takes no writes (${proof.why}).`, fix)
  if (proof.state === 'hanging')
    return failed(`${disk} has not finished a small write for ${Math.round(proof.forMs / 1000)} s.`, fix)
  return undefined
}

function roomFinding(freeBytes: number, totalBytes: number, { state }: WriteProof, ofImage: boolean): Finding {
  const said = `${(freeBytes / gib).toFixed(1)} of ${(totalBytes / gib).toFixed(1)} GiB are free where the data lies.`
  const fix = ofImage
    ? 'Enlarge hard disk 2 of the appliance in vCenter, then restart the machine: it takes the new room then.'
    : "Enlarge the appliance's disk, or remove what does not belong to it."
  if (state === 'full') return failed(`The data disk is full: it took no small file. ${said}`, fix)
  if (freeBytes < diskErrorBytes) return failed(said, fix)
  return freeBytes < diskWarningBytes ? warning(said, fix) : success(said)
}
