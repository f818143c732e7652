import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { createAwsClients } from '../../appliance/aws/clients.ts'
import { sendPart } from '../../appliance/aws/s3-part.ts'

t.test(
  'a part goes out from shared memory with one CRC32 and one signature hash, also when it is repeated',
  async t => {
    const seen: { headers: Record<string, unknown>; body: Buffer }[] = []
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', part => parts.push(part))
      request.on('end', () => {
        seen.push({ headers: request.headers, body: Buffer.concat(parts) })
        response.statusCode = seen.length === 1 ? 500 : 200
        response.setHeader('ETag', '"e"')
        response.end()
      })
    }).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await new Promise(ready => server.once('listening', ready))
    const clients = createAwsClients({
      settings: {
        region: 'eu-central-1',
        accessKeyId: 'AKIA',
        endpoints: { s3: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
        importRoleName: 'vmimport',
      },
      secret: { secretAccessKey: 'secret' },
    })
    t.teardown(() => clients.destroy())
    const part = Buffer.from(new SharedArrayBuffer(20 * 1024 * 1024 + 5))
    randomBytes(1024).copy(part, 4096)
    const crc = crc32(part)
    const target = { Bucket: 'b', Key: 'k', ExpectedBucketOwner: '111122223333' }
    const { signal } = new AbortController()
    const sent = await sendPart({ clients, target, uploadId: 'u', index: 4, part, signal })
    t.match(sent, { PartNumber: 5, ETag: '"e"', crc })
    t.equal(seen.length, 2)
    for (const { headers, body } of seen) {
      t.ok(body.equals(part))
      t.equal(headers['x-amz-content-sha256'], createHash('sha256').update(part).digest('hex'))
      t.equal(Buffer.from(String(headers['x-amz-checksum-crc32']), 'base64').readUInt32BE(), crc)
      t.equal(headers['x-amz-expected-bucket-owner'], '111122223333')
      t.equal(headers.expect, undefined)
    }
  },
)
