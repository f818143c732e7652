// Disks at the edges of what a disk can be; the lab's vCenter makes their bytes from the seed.

import type { GeneratedDisk } from '../lab-config.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** All zero; data only at both ends; a size that is no multiple of a block or a grain; incompressible. */
export function awkwardDisks(seed = 1): GeneratedDisk[] {
  return [
    { label: 'Hard disk 1', sizeBytes: GiB, kind: 'zero', seed },
    { label: 'Hard disk 2', sizeBytes: 3 * GiB, kind: 'ends', seed: seed + 1 },
    { label: 'Hard disk 3', sizeBytes: 100 * MiB + 37 * 512, kind: 'data', fill: 0.6, seed: seed + 2 },
    { label: 'Hard disk 4', sizeBytes: 64 * MiB, kind: 'noise', fill: 1, seed: seed + 3 },
  ]
}
