import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { deploymentSizes, hardwareSection } from '../../ova/hardware.ts'
import { formatXml } from '../../ova/xml.ts'
import { run } from './sample.ts'

const disks = [
  { diskId: 'system', label: 'System disk' },
  { diskId: 'data', label: 'Data disk' },
]

t.test('the default size is 2 vCPU and 4 GiB, and stands first', async t => {
  const [standard, large] = deploymentSizes
  t.match(standard, { id: 'standard', cpus: 2, memoryMiB: 4096 })
  t.match(large, { id: 'large', cpus: 4, memoryMiB: 8192 })
})

t.test('within a size every item has its own id, and every parent is there', async t => {
  const path = join(t.testdir(), 'hardware.xml')
  // Without namespaces, so that an XPath is readable.
  await writeFile(path, formatXml(hardwareSection('Hoist', disks)).replace(/(<\/?|\s)(rasd|ovf|vmw|vssd):/g, '$1'))
  const values = async (xpath: string) =>
    (await run('xmllint', ['--xpath', xpath, path])).stdout
      .replace(/<[^>]+>/g, ' ')
      .trim()
      .split(/\s+/)
  for (const { id } of deploymentSizes) {
    const ids = await values(`//Item[not(@configuration) or @configuration="${id}"]/InstanceID`)
    t.equal(new Set(ids).size, ids.length, id)
    for (const parent of await values('//Parent')) t.ok(ids.includes(parent), `parent ${parent}`)
  }
  t.strictSame(await values('//Item[ResourceType=17]/AddressOnParent'), ['0', '1'], 'the system disk comes first')
  t.strictSame(await values('//Item[ResourceType=6]/ResourceSubType'), ['VirtualSCSI'])
  t.strictSame(await values('//Item[ResourceType=10]/ResourceSubType'), ['VmxNet3'])
  t.strictSame(
    await values('//Item[InstanceID=//Item[ResourceType=15]/Parent]/ResourceType'),
    ['5'],
    'the CD-ROM is on IDE',
  )
  t.strictSame(await values('//System/VirtualSystemType'), ['vmx-13'])
})

t.test("an item's elements are in the order of CIM's schema", async t => {
  const section = hardwareSection('Hoist', disks)
  if (typeof section.children === 'string') throw new Error('no elements')
  const items = section.children.filter(({ name }) => name === 'Item')
  t.ok(items.length > 8)
  for (const { children } of items) {
    if (typeof children === 'string') throw new Error('no elements')
    const names = children.map(({ name }) => name)
    t.strictSame(names, names.toSorted())
  }
})
