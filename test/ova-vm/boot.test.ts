// The OVA as CI has it: built cold, of the size that was promised, booted once.
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cacheDirectory } from '../lab/tools.ts'
import { biosPvscsi } from './boot-steps.ts'
import { builtOva, largestOvaBytes } from './build.ts'
import { unpackOva } from './disks.ts'

// A build and a boot under emulation, beside other tests.
t.setTimeout(2_700_000)

t.test('the OVA of this tree is built, boots with the devices of vSphere, and answers as its console says', async t => {
  const { ova, reused } = await builtOva()
  t.comment(reused ? 'it was built before' : 'built')
  t.notOk(process.env.CI === 'true' && reused, 'CI takes none that was there')
  t.ok((await stat(ova)).size < largestOvaBytes, 'it is below 350 MB')
  const directory = await mkdtemp(join(cacheDirectory, 'ova', 'boot-'))
  t.teardown(() => rm(directory, { recursive: true }))
  t.comment(await biosPvscsi(await unpackOva(ova, join(directory, 'unpacked'))))
  t.pass('it answered')
})
