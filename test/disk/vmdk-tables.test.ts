import t from 'tap'
import { TableCheck } from '../../appliance/disk/vmdk-tables.ts'

function table(entries: Record<number, number>): Buffer {
  const bytes = Buffer.alloc(2048)
  for (const [entry, sector] of Object.entries(entries)) bytes.writeUInt32LE(sector, Number(entry) * 4)
  return bytes
}

/** Grains 0 and 5 in table 0, none in table 1, the last of table 2. */
function checkWith(options: { tables: [number, Buffer][]; directory: number[] }): string | undefined {
  const check = new TableCheck(128)
  const add = () => {
    for (const [sector, bytes] of options.tables) check.addTable(sector, bytes)
    check.addDirectory(900, Buffer.from(Uint32Array.from(options.directory).buffer))
  }
  add()
  check.addGrain(0, 128)
  check.addGrain(5 * 128, 140)
  check.addGrain((2 * 512 + 511) * 128, 200)
  return check.disagreement(3)
}

const first = table({ 0: 128, 5: 140 })
const last = table({ 511: 200 })

t.test('tables agree wherever they stand, and an empty one may be left out or be there', async t => {
  t.equal(
    checkWith({
      tables: [
        [300, first],
        [400, last],
      ],
      directory: [300, 0, 400],
    }),
    undefined,
  )
  t.equal(
    checkWith({
      tables: [
        [400, last],
        [350, table({})],
        [300, first],
      ],
      directory: [300, 350, 400],
    }),
    undefined,
  )
})

t.test('a grain that is missing, moved or too many is noticed', async t => {
  const tables = (changed: Buffer): [number, Buffer][] => [
    [300, changed],
    [400, last],
  ]
  t.match(checkWith({ tables: tables(table({ 0: 128 })), directory: [300, 0, 400] }), /table 0 does not list/)
  t.match(checkWith({ tables: tables(table({ 0: 128, 6: 140 })), directory: [300, 0, 400] }), /table 0 does not list/)
  t.match(
    checkWith({ tables: tables(table({ 0: 128, 5: 140, 6: 150 })), directory: [300, 0, 400] }),
    /table 0 does not list/,
  )
  t.match(checkWith({ tables: tables(first), directory: [400, 0, 300] }), /table 0 does not list/)
})

t.test('a directory that points nowhere, forgets a table or is not there is noticed', async t => {
  const tables: [number, Buffer][] = [
    [300, first],
    [400, last],
  ]
  t.match(checkWith({ tables, directory: [300, 0, 401] }), /table 2 is not where/)
  t.match(checkWith({ tables, directory: [300, 0, 0] }), /no grain table 2/)
  t.match(new TableCheck(128).disagreement(1), /directory is missing/)
})

t.test('the directory gives the tables in the order of the disk', async t => {
  const check = new TableCheck(128)
  t.same(check.tableSectors(), [])
  check.addDirectory(21, Buffer.from(Uint32Array.of(26, 0, 30).buffer))
  t.equal(check.directorySector, 21)
  t.same(check.tableSectors(), [26, 30])
})
