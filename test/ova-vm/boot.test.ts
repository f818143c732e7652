import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cacheDirectory } from '../lab/tools.ts'
import { biosPvscsi } from './boot-steps.ts'
import { builtOva } from './build.ts'
import { unpackOva } from './disks.ts'

// A build and a boot under emulation, beside other tests.
t.setTimeout(1_800_000)

t.test('the OVA of this tree is built, boots with the devices of vSphere, and answers as its console says', async t => {
  const { ova, reused } = await builtOva()
  t.comment(reused ? 'it was built before' : 'built')
  const directory = await mkdtemp(join(cacheDirectory, 'ova', 'boot-'))
  t.teardown(() => rm(directory, { recursive: true }))
  t.comment(await biosPvscsi(await unpackOva(ova, join(directory, 'unpacked'))))
  t.pass('it answered')
})
