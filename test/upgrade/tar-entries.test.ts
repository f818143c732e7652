// Headers, with GNU tar as the witness.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { endOfArchive, headerOf, paddingOf, sizeIn } from '../../appliance/upgrade/tar-entries.ts'
import { Random } from '../chaos/random.ts'

t.test('GNU tar lists what the headers say', async t => {
  const path = join(t.testdir(), 'a.tar')
  const long = `${'x'.repeat(90)}/${'y'.repeat(90)}`
  writeFileSync(
    path,
    Buffer.concat([
      headerOf({ path: 'bin/node', sizeBytes: 3, executable: true }),
      Buffer.from('abc'),
      Buffer.alloc(paddingOf({ sizeBytes: 3 })),
      headerOf({ path: long, sizeBytes: 0, executable: false }),
      endOfArchive,
    ]),
  )
  const lines = execFileSync('tar', ['tvf', path, '--utc'], { encoding: 'utf8' }).trim().split('\n')
  t.match(lines[0], /^-rwxr-xr-x 0\/0 +3 1970-01-01 00:00 bin\/node$/)
  t.match(lines[1], /^-rw-r--r-- 0\/0 +0 1970-01-01 00:00 x+\/y+$/)
})

t.test('a header is read only as it was made: no changed byte passes, and no noise', async t => {
  const header = headerOf({ path: 'a/b.txt', sizeBytes: 5, executable: false })
  t.equal(sizeIn(header, 'a/b.txt'), 5)
  t.equal(sizeIn(header, 'a/c.txt'), undefined)
  t.equal(sizeIn(headerOf({ path: 'a/b.txt', sizeBytes: 5, executable: true }), 'a/b.txt'), undefined)
  const random = new Random('headers')
  const passed: number[] = []
  for (let at = 0; at < header.length; at++) {
    const changed = Buffer.from(header)
    changed[at] = (changed[at] ?? 0) ^ random.integer(1, 255)
    if (sizeIn(changed, 'a/b.txt') !== undefined) passed.push(at)
  }
  t.same(passed, [])
  t.equal(sizeIn(Buffer.alloc(512), ''), undefined)
  for (let n = 0; n < 500; n++) {
    const noise = Buffer.from(Array.from({ length: 512 }, () => random.integer(0, 255)))
    if (sizeIn(noise, 'a') !== undefined) t.fail(`noise ${n}`)
  }
})

t.test('a path that tar has no room for is refused', async t => {
  t.throws(() => headerOf({ path: 'x'.repeat(101), sizeBytes: 0, executable: false }), /too long/)
})
