// The three servers of the demo, as a lab config: a real Debian, awkward disks, a Windows-like server.

import type { LabConfig } from '../lab-config.ts'
import { awkwardDisks } from './awkward.ts'
import { debianGuest } from './debian.ts'
import { windowsGuest } from './windows.ts'

/**
 * Makes the guests if they are not there yet. The lab uses their files in place: whoever lets guests write (the control
 * port's `write`) copies the files first, for they are kept for the next time.
 */
export async function demoServers(): Promise<LabConfig> {
  const debian = await debianGuest()
  const windows = await windowsGuest()
  return {
    seed: 1,
    datastores: [
      { name: 'vmfs1', type: 'VMFS' },
      { name: 'nfs1', type: 'NFS' },
    ],
    hosts: [{ name: 'esx1.lab', datastores: ['vmfs1', 'nfs1'] }],
    vms: [
      {
        name: 'debian-server',
        guestId: 'debian12_64Guest',
        firmware: 'efi',
        cpus: 2,
        memoryMiB: 2048,
        datastore: 'vmfs1',
        nics: [{ mac: '00:50:56:00:00:01', addresses: ['10.0.0.11'] }],
        disks: [{ file: debian.root }, { file: debian.data }],
      },
      {
        name: 'awkward-disks',
        guestId: 'otherLinux64Guest',
        firmware: 'bios',
        datastore: 'nfs1',
        nics: [{ mac: '00:50:56:00:00:02', addresses: ['10.0.0.12'] }],
        disks: awkwardDisks(),
      },
      {
        name: 'windows-server',
        guestId: 'windows2019srvNext_64Guest',
        firmware: 'efi',
        memoryMiB: 4096,
        cpus: 2,
        datastore: 'vmfs1',
        nics: [{ mac: '00:50:56:00:00:03', addresses: ['10.0.0.13'] }],
        disks: [{ file: windows.system }, { file: windows.data }],
      },
    ],
  }
}
