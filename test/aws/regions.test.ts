// The Regions to choose from, compared with what the SDK knows.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { awsRegions, partitionOf } from '../../appliance/aws/regions.ts'

interface Partitions {
  partitionsInfo: { partitions: { id: string; regions: Record<string, { description?: string }> }[] }
}

t.test('the list is that of the SDK, by id, name and partition', async t => {
  const core = createRequire(import.meta.url).resolve('@aws-sdk/core/package.json')
  const path = join(core, '../dist-es/submodules/client/util-endpoints/lib/aws/partitions.js')
  const source = readFileSync(path, 'utf8')
  const { partitionsInfo } = (await import(
    `data:text/javascript,${encodeURIComponent(source)}//${pathToFileURL(path)}`
  )) as Partitions
  const known = partitionsInfo.partitions
    .filter(({ id }) => !id.startsWith('aws-iso'))
    .flatMap(({ id: partition, regions }) =>
      Object.entries(regions)
        .filter(([id]) => !id.endsWith('-global'))
        .map(([id, { description = id }]) => ({ id, name: description, partition })),
    )
  t.same(awsRegions, known)
  t.ok(awsRegions.length > 30)
})

t.test('a Region tells its partition, also one that is newer than the list', async t => {
  for (const { id, partition } of awsRegions) t.equal(partitionOf(id), partition)
  t.same(['eu-north-9', 'cn-east-9', 'us-gov-north-1'].map(partitionOf), ['aws', 'aws-cn', 'aws-us-gov'])
})
