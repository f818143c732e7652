// Backups over the API: listed, made, downloaded byte for byte; no name reaches another file.
import { Readable } from 'node:stream'
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { apiToken, memoryApi } from './memory-api.ts'

const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256))
const made = { name: 'hoist-20300101T000000Z.db', takenAt: '2030-01-01T00:00:00.000Z', sizeBytes: content.length }
const asked: string[] = []
const { api, call } = await memoryApi({
  backups: {
    list: async () => [made],
    create: async () => made,
    async read(name) {
      asked.push(name)
      if (name === made.name) return Readable.from([content.subarray(0, 100_000), content.subarray(100_000)])
      if (name === 'broken.db') return Readable.from(breaking())
      throw new ApplianceError('NOT_FOUND', `There is no backup ${name}`, { hint: 'List them.' })
    },
  },
})
t.teardown(() => api.close())

/** Half of a file, and then the disk fails. */
async function* breaking() {
  yield content.subarray(0, 1000)
  throw new Error('EIO: secret path')
}

const download = (name: string) =>
  api.inject({ url: `/api/backups/${name}`, headers: { authorization: `Bearer ${apiToken}` } })

t.test('backups are listed and made', async t => {
  t.same(await call('GET', '/api/backups'), { status: 200, body: { items: [made] } })
  t.same(await call('POST', '/api/backups'), { status: 201, body: made })
})

t.test('a download holds exactly the bytes of the backup, under its name', async t => {
  const answer = await download(made.name)
  t.equal(answer.statusCode, 200)
  t.ok(answer.rawPayload.equals(content))
  t.match(answer.headers, {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${made.name}"`,
    'cache-control': 'no-store',
  })
})

t.test('a backup that is not there, or no name of one, is refused as documented', async t => {
  t.match(await call('GET', '/api/backups/hoist-19700101T000000Z.db'), { status: 404, body: { code: 'NOT_FOUND' } })
  asked.length = 0
  for (const name of [
    '..%2fsecrets.key',
    '%2e%2e',
    'a%00.db',
    'a%22.db',
    `${'a'.repeat(64)}.db`,
    '.db',
    'secrets.key',
  ]) {
    const { status } = await call('GET', `/api/backups/${name}`)
    t.ok([400, 404].includes(status), name)
  }
  t.same(asked, [])
})

t.test('a backup that cannot be read to its end is no whole answer', async t => {
  await t.rejects(download('broken.db'))
})
