import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { keptPart, type ListedPart, listParts } from '../../appliance/aws/kept-parts.ts'
import { sendPart } from '../../appliance/aws/s3-part.ts'
import { awsLab, connect, makeBucket } from './aws-lab.ts'

const mib = 1024 * 1024

function listing(part: Uint8Array): ListedPart {
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(part))
  const etag = `"${createHash('md5').update(part).digest('hex')}"`
  return { sizeBytes: part.length, crc32: crc.toString('base64'), etag }
}

/** Other bytes of the same length and CRC32: a CRC is linear, so a change and what undoes it can be found bit by bit. */
function sameCrc(part: Buffer): Buffer {
  const wanted = crc32(part)
  const other = Buffer.from(part)
  other[0] = (other[0] ?? 0) ^ 1
  const tail = other.length - 4
  const effects = Array.from({ length: 32 }, (_, bit) => {
    const flipped = Buffer.from(other)
    flipped.writeUInt32LE((flipped.readUInt32LE(tail) ^ (1 << bit)) >>> 0, tail)
    return { crc: (crc32(flipped) ^ crc32(other)) >>> 0, bits: (1 << bit) >>> 0 }
  })
  let left = (crc32(other) ^ wanted) >>> 0
  let flips = 0
  for (let bit = 31; bit >= 0; bit--) {
    const pivot = effects.findIndex(effect => effect.crc >>> bit === 1)
    if (pivot < 0) continue
    const [chosen] = effects.splice(pivot, 1)
    if (chosen === undefined) continue
    for (const effect of effects) {
      if (((effect.crc >>> bit) & 1) === 0) continue
      effect.crc = (effect.crc ^ chosen.crc) >>> 0
      effect.bits = (effect.bits ^ chosen.bits) >>> 0
    }
    if (((left >>> bit) & 1) === 0) continue
    left = (left ^ chosen.crc) >>> 0
    flips = (flips ^ chosen.bits) >>> 0
  }
  other.writeUInt32LE((other.readUInt32LE(tail) ^ flips) >>> 0, tail)
  return other
}

t.test('a part is kept if size, CRC32 and MD5 agree', async t => {
  const part = randomBytes(9 * mib + 5)
  const listed = listing(part)
  t.match(await keptPart(part, 6, listed), {
    PartNumber: 7,
    ETag: listed.etag,
    ChecksumCRC32: listed.crc32,
    crc: crc32(part),
  })
})

t.test('a part is not kept on less proof than that', async t => {
  const part = randomBytes(mib)
  const listed = listing(part)
  t.equal(await keptPart(part, 0, undefined), undefined)
  t.equal(await keptPart(part.subarray(1), 0, listed), undefined, 'another size')
  t.equal(await keptPart(randomBytes(mib), 0, listed), undefined, 'other bytes')
  t.equal(await keptPart(part, 0, { ...listed, crc32: undefined }), undefined, 'sent without a checksum')
  t.equal(await keptPart(part, 0, { ...listed, etag: undefined }), undefined)
  t.equal(await keptPart(part, 0, { ...listed, etag: '"0123-1"' }), undefined, 'an ETag that is no MD5')
})

t.test('other bytes of the same size and CRC32 are not taken for the same part', async t => {
  const part = randomBytes(4096)
  const other = sameCrc(part)
  t.equal(crc32(other), crc32(part))
  t.notOk(other.equals(part))
  t.equal(await keptPart(other, 0, listing(part)), undefined)
})

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const target = { Bucket: bucket, Key: 'runs/r1/disk.vmdk', ExpectedBucketOwner: lab.aws.accountId }
  const create = new CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm: 'CRC32' })
  const { UploadId: uploadId = '' } = await clients.s3.send(create)
  const { signal } = new AbortController()
  const parts = Array.from({ length: 7 }, () => randomBytes(5 * mib))

  t.test('all pages of a listing are read, and each part is told from the others', async t => {
    for (const [index, part] of parts.entries()) await sendPart({ clients, target, uploadId, index, part, signal })
    await lab.awsControl('DELETE', '/requests')
    const listed = await listParts({ clients, target, uploadId, pageSize: 2 })
    const requests = await lab.awsControl<{ operation: string }[]>('GET', '/requests')
    t.equal(requests.filter(({ operation }) => operation === 'ListParts').length, 4)
    t.same([...(listed?.keys() ?? [])], [1, 2, 3, 4, 5, 6, 7])
    for (const [index, part] of parts.entries()) {
      t.ok(await keptPart(part, index, listed?.get(index + 1)))
      t.notOk(await keptPart(part, index, listed?.get(((index + 1) % 7) + 1)))
    }
  })

  t.test('an upload that S3 does not know has no listing; a refusal is an error', async t => {
    const gone = '7b1e0e47-7b5b-4c0f-8a53-5d0f2f6d9e11'
    t.equal(await listParts({ clients, target, uploadId: gone }), undefined)
    const foreign = { ...target, ExpectedBucketOwner: '999999999999' }
    await t.rejects(listParts({ clients, target: foreign, uploadId }), { code: 'AWS_PERMISSION_MISSING' })
  })
})
