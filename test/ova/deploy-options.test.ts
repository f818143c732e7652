import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { formatDeployOptions } from '../../ova/deploy-options.ts'
import { properties } from '../../ova/properties.ts'
import { startLab } from '../lab/lab.ts'
import { ensureTools } from '../lab/tools.ts'
import { govc, importOva } from './import-ova.ts'
import { pack, run, writeSystemDisk } from './sample.ts'

interface Options {
  Deployment: string
  DiskProvisioning: string
  PropertyMapping: { Key: string; Value: string }[]
  NetworkMapping: { Name: string; Network: string }[]
}

interface VmConfig {
  firmware?: string
  guestId: string
  hardware: { numCPU: number; memoryMB: number; device: { capacityInKB?: number; macAddress?: string }[] }
  vAppConfig: { property: { id: string; value?: string; type: string }[]; product: { version: string }[] }
}

t.test('disks are thin unless thick ones are asked for', async t => {
  t.match(JSON.parse(formatDeployOptions('thin')), { DiskProvisioning: 'thin', Deployment: 'standard' })
  t.match(JSON.parse(formatDeployOptions('thick')), { DiskProvisioning: 'thick' })
})

t.test('govc reads the OVA as we describe it, and vCenter makes the machine that was asked for', async t => {
  await ensureTools(['govc'])
  await using lab = await startLab({ aws: false, config: {} })
  const directory = t.testdir()
  const { ova, optionsPath } = await pack(directory, { diskPath: await writeSystemDisk(directory) })
  const ours: Options = JSON.parse(await readFile(optionsPath, 'utf8'))

  // Without -v, and so without a connection: what govc itself would hand an admin to fill in.
  const theirs: Options = JSON.parse(await govc(lab, ['import.spec', ova]))
  t.strictSame(ours.PropertyMapping, theirs.PropertyMapping, 'properties and their defaults')
  t.strictSame(ours.NetworkMapping, theirs.NetworkMapping)
  t.equal(ours.Deployment, theirs.Deployment)

  const lines = (await run('tar', ['-xOf', ova, 'hoist.mf'])).stdout.trim().split('\n')
  const manifest = lines.map(line => line.split('= ')[1])

  const deploy = async (name: string, change: Partial<Options>): Promise<VmConfig> => {
    const path = join(directory, `${name}.json`)
    await writeFile(path, JSON.stringify({ ...ours, ...change }))
    const received = await importOva(lab, { ova, optionsPath: path, name })
    t.strictSame(
      received.map(({ name, sha256 }) => [name, sha256]),
      [
        ['disk-0.vmdk', manifest[1]],
        ['disk-1.vmdk', manifest[2]],
      ],
      `${name}: the host got the disks that the manifest names`,
    )
    return JSON.parse(await govc(lab, ['collect', '-json', `vm/${name}`, 'config']))[0].val
  }

  const values: Record<string, string> = {
    hostname: 'hoist.example.com',
    ipv4_mode: 'static',
    ipv4_address: '192.0.2.10/24',
    ipv4_gateway: '192.0.2.1',
    dns: '192.0.2.53 2001:db8::53',
    proxy: 'http://proxy.example.com:3128/?a=1&b=<2>',
    ssh_key: 'ssh-ed25519 AAAAC3Nza "ünder" admin@desk',
    setup_code: 'a setup code & "more"',
  }
  const large = await deploy('large', {
    Deployment: 'large',
    PropertyMapping: ours.PropertyMapping.map(({ Key, Value }) => ({ Key, Value: values[Key] ?? Value })),
    NetworkMapping: [{ Name: 'Management', Network: 'VM Network' }],
  })
  t.match(large, { guestId: 'debian10_64Guest', hardware: { numCPU: 4, memoryMB: 8192 } })
  t.strictSame(
    Object.fromEntries(large.vAppConfig.property.map(({ id, value }) => [id, value ?? ''])),
    Object.fromEntries(properties.map(({ key, fallback = '' }) => [key, values[key] ?? fallback])),
    'every property arrived as it was set',
  )
  t.match(large.vAppConfig.product, [{ version: '1.2.3' }])

  const standard = await deploy('standard', { NetworkMapping: [{ Name: 'Management', Network: 'VM Network' }] })
  t.match(standard.hardware, { numCPU: 2, memoryMB: 4096 })
  const disks = standard.hardware.device.flatMap(({ capacityInKB }) => capacityInKB ?? [])
  t.strictSame(disks, [40 * 1024, 64 * 2 ** 20], 'capacities in KiB: the disk that was packed, and 64 GiB')
  const info = await govc(lab, ['device.ls', '-vm', 'standard'])
  for (const device of ['ParaVirtualSCSIController', 'VirtualVmxnet3', 'VirtualCdrom']) t.match(info, device)
})
