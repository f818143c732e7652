import t from 'tap'
import {
  decodeHeader,
  encodeHeader,
  encodeMarker,
  headerDifference,
  marker,
  tableCount,
  unsupported,
  type VmdkHeader,
} from '../../appliance/disk/vmdk-format.ts'

const header: VmdkHeader = {
  version: 3,
  flags: 0x30001,
  capacitySectors: 4 * 2 ** 31,
  grainSectors: 128,
  descriptorSector: 1,
  descriptorSectors: 20,
  tableEntries: 512,
  directorySector: undefined,
  overheadSectors: 128,
  compression: 1,
}

t.test('a header stands where the format wants it, and is read back', async t => {
  const sector = encodeHeader(header)
  t.equal(sector.length, 512)
  t.equal(sector.toString('latin1', 0, 4), 'KDMV')
  t.equal(sector.toString('hex', 56, 64), 'ffffffffffffffff')
  t.equal(sector.toString('hex', 73, 79), '0a200d0a0100')
  t.same(decodeHeader(sector), header)
  t.same(decodeHeader(encodeHeader({ ...header, directorySector: 7 })).directorySector, 7)
})

t.test('a marker holds its sectors and type', async t => {
  t.equal(encodeMarker(marker.directory, 3).toString('hex', 0, 20), '0300000000000000000000000200000000000000')
  t.equal(encodeMarker(marker.end, 0).equals(Buffer.alloc(512)), true)
})

t.test('a table stands for 32 MiB of disk', async t => {
  t.equal(tableCount({ capacitySectors: 65536, grainSectors: 128 }), 1)
  t.equal(tableCount({ capacitySectors: 65537, grainSectors: 128 }), 2)
})

t.test('what the reader cannot serve is named', async t => {
  t.equal(unsupported(header, 524288), undefined)
  t.match(unsupported({ ...header, flags: 3 }, 524288), /not streamOptimized/)
  t.match(unsupported({ ...header, grainSectors: 2048 }, 524288), /2048 sectors/)
  t.match(unsupported({ ...header, capacitySectors: 2 ** 38 }, 524288), /capacity/)
})

t.test('a footer may differ from its header only in what does not decide how bytes are read', async t => {
  t.equal(headerDifference(header, { ...header, directorySector: 99, overheadSectors: 1 }), undefined)
  t.equal(headerDifference(header, { ...header, grainSectors: 64 }), 'grainSectors')
})
