import t from 'tap'
import { formatDescriptor, parseDescriptor } from '../../appliance/disk/vmdk-descriptor.ts'

t.test('a descriptor that was written is read back', async t => {
  const text = formatDescriptor({ capacitySectors: 12_345_678, fileName: 'web01-disk1.vmdk' })
  t.same(parseDescriptor(`${text}\0\0\0`), {
    createType: 'streamOptimized',
    extents: [{ access: 'RW', sectors: 12_345_678, type: 'SPARSE', fileName: 'web01-disk1.vmdk' }],
  })
  t.match(text, 'ddb.geometry.cylinders = "768"')
})

t.test('what other writers put in is read too: RDONLY, CRLF, no file name, several extents', async t => {
  const text =
    '# x\r\ncreateType = "twoGbMaxExtentFlat"\r\nRDONLY 10 SPARSE "call-me-stream.vmdk"\r\nRW 20 ZERO\r\nfuture.key = "RW 1"\r\n'
  t.same(parseDescriptor(text), {
    createType: 'twoGbMaxExtentFlat',
    extents: [
      { access: 'RDONLY', sectors: 10, type: 'SPARSE', fileName: 'call-me-stream.vmdk' },
      { access: 'RW', sectors: 20, type: 'ZERO', fileName: '' },
    ],
  })
  t.same(parseDescriptor('nothing of a descriptor'), { createType: undefined, extents: [] })
})

t.test('a file name cannot break out of its line', async t => {
  for (const fileName of ['a"b', 'a\nb', 'a\rb'])
    t.throws(() => formatDescriptor({ capacitySectors: 1, fileName }), RangeError)
})
