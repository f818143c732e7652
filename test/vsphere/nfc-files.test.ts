// Which exported file is which disk.

import t from 'tap'
import { matchDisks } from '../../appliance/vsphere/nfc-files.ts'
import type { DiskAddress } from '../../appliance/vsphere/virtual-devices.ts'
import { children, parseXml } from '../../appliance/vsphere/xml.ts'

function deviceUrls(...keys: string[]) {
  const files = keys.map((key, i) => {
    const [path, disk = 'true'] = key.split(' ')
    return `<deviceUrl><key>${path}</key><url>https://*/nfc/t/disk-${i}.vmdk</url><disk>${disk}</disk><targetId>disk-${i}.vmdk</targetId><fileSize>7</fileSize></deviceUrl>`
  })
  return children(parseXml(`<info>${files.join('')}</info>`), 'deviceUrl')
}

const disk = (diskKey: number, controllerType: string, busNumber: number, unitNumber: number): DiskAddress => ({
  diskKey,
  controllerType,
  busNumber,
  unitNumber,
})
const names = { serverName: 'web01', connectedHost: 'vc.test:8443' }
const pairs = (keys: string[], disks: DiskAddress[]) =>
  matchDisks(deviceUrls(...keys), disks, names).map(file => [file.deviceUrlKey, file.diskKey])

t.test('a file is the disk at its controller, bus and unit, in whatever order they come', t => {
  const disks = [
    disk(2000, 'ParaVirtualSCSIController', 0, 0),
    disk(2001, 'ParaVirtualSCSIController', 0, 1),
    disk(2016, 'ParaVirtualSCSIController', 1, 0),
    disk(3000, 'VirtualIDEController', 0, 0),
  ]
  const keys = [
    '/vm-42/VirtualIDEController0:0',
    '/vm-42/ParaVirtualSCSIController1:0',
    '/vm-42/VirtualIDEController1:0 false',
    '/vm-42/ParaVirtualSCSIController0:1',
    '/vm-42/ParaVirtualSCSIController0:0',
  ]
  t.strictSame(
    new Map(pairs(keys, disks) as [string, number][]),
    new Map([
      [keys[0], 3000],
      [keys[1], 2016],
      [keys[3], 2001],
      [keys[4], 2000],
    ]),
  )
  const [first] = matchDisks(deviceUrls('/vm-42/ParaVirtualSCSIController0:0'), disks, names)
  t.match(first, { targetId: 'disk-0.vmdk', sizeHintBytes: 7 })
  t.equal(first?.url.href, 'https://vc.test:8443/nfc/t/disk-0.vmdk', 'the star is the host that we are connected to')
  t.end()
})

t.test('a controller that is spelled otherwise is matched by bus and unit only if nothing else hangs there', t => {
  const scsi = [disk(2000, 'VirtualLsiLogicController', 0, 0), disk(2001, 'VirtualLsiLogicController', 0, 1)]
  t.same(pairs(['/6/VirtualSCSI0:1', '/6/VirtualSCSI0:0'], scsi), [
    ['/6/VirtualSCSI0:1', 2001],
    ['/6/VirtualSCSI0:0', 2000],
  ])
  const mixed = [
    disk(2000, 'VirtualLsiLogicController', 0, 0),
    disk(3000, 'VirtualIDEController', 0, 0),
    disk(3001, 'VirtualIDEController', 0, 1),
  ]
  t.throws(() => pairs(['/6/A0:0', '/6/B0:0', '/6/B0:1'], mixed), { code: 'NFC_DISK_UNKNOWN' })
  t.same(
    pairs(['/6/VirtualIDEController0:0', '/6/Odd0:0'], mixed.slice(0, 2)).length,
    2,
    'the last pair belongs together',
  )
  t.end()
})

t.test('files without a place, and leases without disks, are refused by name', t => {
  const disks = [disk(2000, 'X', 0, 0), disk(2001, 'X', 0, 1)]
  t.throws(() => pairs(['odd', 'odder'], disks), {
    code: 'NFC_DISK_UNKNOWN',
    message: /web01 has files of unknown disks: odd, odder/,
  })
  t.throws(() => pairs(['/vm/X0:0', '/vm/X0:0'], disks.slice(0, 1)), { code: 'NFC_DISK_UNKNOWN' })
  t.throws(() => pairs(['/vm/X0:0 false'], disks), { code: 'NFC_DISK_UNKNOWN', message: /no disk/ })
  t.end()
})
