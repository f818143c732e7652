// The system disk's partitions.

import type { Partition } from './disk-image.ts'

/** The whole disk: room for two kernels, three releases and the journal; thin, so that it costs what is in it. */
export const diskMiB = 8192

export interface Layout {
  /** GRUB's second part, for BIOS. */
  biosGrub: Partition
  /** The EFI system partition. */
  esp: Partition
  root: Partition
}

export const layout: Layout = {
  biosGrub: { startMiB: 1, sizeMiB: 1, type: '21686148-6449-6E6F-744E-656564454649', name: 'bios' },
  esp: { startMiB: 2, sizeMiB: 48, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', name: 'esp' },
  // The last MiB belongs to the second GPT.
  root: { startMiB: 50, sizeMiB: diskMiB - 51, type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', name: 'system' },
}
