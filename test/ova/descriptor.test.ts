import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { formatDescriptor } from '../../ova/descriptor.ts'
import { run } from './sample.ts'

const disk = { fileName: 'a.vmdk', fileBytes: 5, capacityBytes: 2 ** 30, populatedBytes: 3 }
const options = { version: '1.2.3', eula: 'Terms', system: disk, data: { ...disk, fileName: 'b.vmdk' } }

t.test('xmllint reads it, and every reference leads somewhere', async t => {
  const path = join(t.testdir(), 'hoist.ovf')
  await writeFile(path, formatDescriptor({ ...options, eula: 'a < b & "c"\n]]>' }))
  await run('xmllint', ['--noout', '--nonet', path])
  const ovf = 'http://schemas.dmtf.org/ovf/envelope/1'
  const value = async (xpath: string) =>
    (
      await run('xmllint', [
        '--xpath',
        xpath.replace(/@(\w+)/g, `@*[local-name()='$1' and namespace-uri()='${ovf}']`),
        path,
      ])
    ).stdout.replace(/\n$/, '')
  const of = (name: string) => `//*[local-name()='${name}']`
  t.equal(await value(`count(${of('Disk')}[@fileRef=${of('File')}/@id])`), '2')
  t.equal(await value(`count(${of('File')}[@href='b.vmdk'][@size='5'])`), '1')
  for (const id of ['system', 'data'])
    t.equal(await value(`count(${of('HostResource')}[.='ovf:/disk/${id}'])`), '1', `${id} is attached`)
  t.equal(await value(`string(${of('Connection')}) = string(${of('Network')}/@name)`), 'true')
  t.equal(await value(`count(${of('Item')}[@configuration][not(@configuration=${of('Configuration')}/@id)])`), '0')
  t.equal(await value(`count(${of('Configuration')}[@default='true'])`), '1')
  t.equal(await value(`string(${of('License')})`), 'a < b & "c"\n]]>')
  t.equal(await value(`string(${of('VirtualHardwareSection')}/@transport)`), 'com.vmware.guestInfo iso')
})

t.test('the firmware is EFI; the guest is one that vSphere 6.5 knows, and is called Debian 12', async t => {
  const text = formatDescriptor(options)
  t.match(text, /<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"\/>/)
  t.match(text, /<OperatingSystemSection ovf:id="96" vmw:osType="debian10_64Guest">/)
  t.match(text, '<Description>Debian GNU/Linux 12 (64-bit)</Description>')
})

t.test('a version that is none is refused', async t => {
  for (const version of ['', '1', '1.2', 'v1.2.3', '1.2.3 ', '1.2.3-'])
    t.throws(() => formatDescriptor({ ...options, version }), RangeError, version)
  for (const version of ['0.1.0', '10.2.33-rc.1', '1.2.3+abc'])
    t.match(formatDescriptor({ ...options, version }), `<Version>${version}</Version>`)
})
