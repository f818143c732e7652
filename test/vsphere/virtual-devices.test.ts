// Virtual hardware in forms that the lab does not build.

import t from 'tap'
import { diskAddresses, disksOf, isoPathsOf } from '../../appliance/vsphere/virtual-devices.ts'
import { children, parseXml } from '../../appliance/vsphere/xml.ts'

function devices(...bodies: string[]) {
  const list = bodies.join('')
  return children(parseXml(`<val xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">${list}</val>`), 'VirtualDevice')
}

const controller =
  '<VirtualDevice xsi:type="VirtualNVMEController"><key>31000</key><busNumber>1</busNumber></VirtualDevice>'
const disk = (key: number, more: string) =>
  `<VirtualDevice xsi:type="VirtualDisk"><key>${key}</key><deviceInfo><label>Hard disk</label></deviceInfo>${more}</VirtualDevice>`

t.test('a disk without capacityInBytes has its size in kibibytes', t => {
  const [read] = disksOf(devices(disk(2000, '<capacityInKB>1536</capacityInKB>')))
  t.match(read, { sizeBytes: 1536 * 1024, kind: 'file', datastore: '', thin: false, encrypted: false })
  t.notOk('backingUuid' in (read ?? {}))
  t.end()
})

t.test('disks come in the order of their keys, with datastores whose names hold brackets', t => {
  const read = disksOf(
    devices(disk(2001, '<backing><fileName>[fast (1)] a/[b].vmdk</fileName></backing>'), disk(2000, '')),
  )
  t.same(
    read.map(one => [one.key, one.datastore]),
    [
      [2000, ''],
      [2001, 'fast (1)'],
    ],
  )
  t.end()
})

t.test('a disk is shared by itself or by the bus of its controller', t => {
  const bus = (key: number, sharedBus: string) =>
    `<VirtualDevice xsi:type="ParaVirtualSCSIController"><key>${key}</key><sharedBus>${sharedBus}</sharedBus></VirtualDevice>`
  const read = disksOf(
    devices(
      bus(1000, 'noSharing'),
      bus(1001, 'physicalSharing'),
      bus(1002, 'virtualSharing'),
      disk(2000, '<backing><sharing>sharingMultiWriter</sharing></backing><controllerKey>1000</controllerKey>'),
      disk(2001, '<controllerKey>1000</controllerKey>'),
      disk(2016, '<controllerKey>1001</controllerKey>'),
      disk(2032, '<controllerKey>1002</controllerKey>'),
    ),
  )
  t.same(
    read.map(({ sharing }) => sharing),
    ['multiWriter', 'none', 'physicalSharing', 'virtualSharing'],
  )
  t.end()
})

t.test('where a disk hangs is its controller, bus and unit, and a controller that is missing matches nothing', t => {
  const hanging = devices(
    controller,
    disk(32000, '<controllerKey>31000</controllerKey><unitNumber>2</unitNumber>'),
    disk(2000, '<controllerKey>1000</controllerKey><unitNumber>0</unitNumber>'),
  )
  t.same(diskAddresses(hanging), [
    { diskKey: 32000, controllerType: 'VirtualNVMEController', busNumber: 1, unitNumber: 2 },
    { diskKey: 2000, controllerType: '', busNumber: -1, unitNumber: 0 },
  ])
  t.end()
})

t.test('a CD drive with the host or client device behind it holds no image', t => {
  const drive = (backing: string) => `<VirtualDevice xsi:type="VirtualCdrom">${backing}</VirtualDevice>`
  const drives = devices(
    drive('<backing xsi:type="VirtualCdromRemotePassthroughBackingInfo"><fileName>x</fileName></backing>'),
    drive('<backing xsi:type="VirtualCdromIsoBackingInfo"><fileName>[nfs1] a.iso</fileName></backing>'),
    drive('<backing xsi:type="VirtualCdromIsoBackingInfo"><fileName></fileName></backing>'),
  )
  t.same(isoPathsOf(drives), ['[nfs1] a.iso'])
  t.end()
})
