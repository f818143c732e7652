// Backups over the API: listed, made, exported byte for byte under a passphrase, sent in and imported; no name reaches another file.
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import type { BackupService } from '../../appliance/api/backups.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { apiToken, memoryApi } from './memory-api.ts'

const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256))
const made = { name: 'hoist-20300101T000000Z.db', takenAt: '2030-01-01T00:00:00.000Z', sizeBytes: content.length }
const passphrase = 'fourteen herons'
const asked: unknown[] = []
const service: BackupService = {
  list: async () => [made],
  create: async () => made,
  async export(name, words) {
    asked.push([name, words])
    const fileName = 'a.hoistbackup'
    const sizeBytes = content.length
    const whole = Readable.from([content.subarray(0, 100_000), content.subarray(100_000)], { objectMode: false })
    if (name === made.name) return { fileName, sizeBytes, content: whole }
    if (name === 'broken.db') return { fileName, sizeBytes, content: Readable.from(breaking(), { objectMode: false }) }
    throw new ApplianceError('NOT_FOUND', `There is no backup ${name}`, { hint: 'List them.' })
  },
  async upload(sent) {
    const bytes = Buffer.concat(await Array.fromAsync(sent))
    asked.push(bytes)
    return { sizeBytes: bytes.length }
  },
  async import(words) {
    asked.push(words)
    if (words !== passphrase)
      throw new ApplianceError('EXPORT_PASSPHRASE_WRONG', 'The passphrase does not open the export.', {
        hint: 'Again.',
      })
    return { backup: made.name, formerFile: 'damaged-20260301T020000Z.db' }
  },
  answered: () => void asked.push('answered'),
}
const { api, call } = await memoryApi({ backups: service })
t.teardown(() => api.close())
t.beforeEach(() => {
  asked.length = 0
})

/** Half of a file, and then the disk fails. */
async function* breaking() {
  yield content.subarray(0, 1000)
  throw new Error('EIO: secret path')
}

const headers = { authorization: `Bearer ${apiToken}` }
const carry = (name: string) =>
  api.inject({ method: 'POST', url: `/api/backups/${name}/export`, headers, payload: { passphrase } })
const send = (payload: Buffer | string, type: string) =>
  api.inject({ method: 'PUT', url: '/api/backups/upload', headers: { ...headers, 'content-type': type }, payload })

t.test('backups are listed and made, and none is to be had as it is', async t => {
  t.same(await call('GET', '/api/backups'), { status: 200, body: { items: [made] } })
  t.same(await call('POST', '/api/backups'), { status: 201, body: made })
  t.equal((await api.inject({ url: `/api/backups/${made.name}`, headers })).statusCode, 404)
})

t.test('an export holds exactly the bytes that it should, with their number, under its own name', async t => {
  const answer = await carry(made.name)
  t.equal(answer.statusCode, 200)
  t.ok(answer.rawPayload.equals(content))
  t.match(answer.headers, {
    'content-type': 'application/octet-stream',
    'content-length': '300000',
    'content-disposition': 'attachment; filename="a.hoistbackup"',
    'cache-control': 'no-store',
  })
  t.strictSame(asked, [[made.name, passphrase]])
})

t.test('an export without a passphrase, or under a short one, is refused', async t => {
  const url = `/api/backups/${made.name}/export`
  for (const body of [{}, { passphrase: 'eleven char' }, { passphrase: '' }, { passphrase, more: 1 }])
    t.match(await call('POST', url, body), { status: 400, body: { code: 'INVALID_REQUEST' } })
  t.match(await call('POST', `${url}?passphrase=${encodeURIComponent(passphrase)}`), { status: 400 })
  t.strictSame(asked, [])
})

t.test('a backup that is not there, or no name of one, is refused as documented', async t => {
  const body = { passphrase }
  t.match(await call('POST', '/api/backups/hoist-19700101T000000Z.db/export', body), { body: { code: 'NOT_FOUND' } })
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
    const { status } = await call('POST', `/api/backups/${name}/export`, body)
    t.ok([400, 404].includes(status), name)
  }
  t.same(asked, [])
})

t.test('an export that cannot be read to its end is no whole answer', async t => {
  await t.rejects(carry('broken.db'))
})

t.test('an upload arrives byte for byte, larger than any other body may be', async t => {
  const large = Buffer.concat([content, content, content, content])
  const answer = await send(large, 'application/octet-stream')
  t.strictSame([answer.statusCode, answer.json()], [200, { sizeBytes: large.length }])
  t.ok(large.equals(asked[0] as Buffer))
})

t.test('an upload in another form is refused, and its bytes are not looked at', async t => {
  for (const [payload, type] of [
    ['{"passphrase":"x"}', 'application/json'],
    ['x', 'text/plain'],
    ['x', 'multipart/form-data; boundary=x'],
  ] as const)
    t.match((await send(payload, type)).json(), { code: 'INVALID_REQUEST' }, type)
  t.strictSame(asked, [])
})

t.test('an upload that breaks off is none', async t => {
  await api.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.server.address() as AddressInfo
  let thrown: unknown
  const { promise, resolve } = Promise.withResolvers<void>()
  service.upload = async sent => {
    try {
      for await (const chunk of sent) if (chunk.length > 0) sending.destroy()
    } catch (error) {
      thrown = error
      resolve()
      throw error
    }
    return { sizeBytes: 0 }
  }
  const sending = request({
    ...{ host: '127.0.0.1', port, method: 'PUT', path: '/api/backups/upload', rejectUnauthorized: false },
    headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': 10_000_000 },
  })
  sending.on('error', () => undefined)
  sending.write(Buffer.alloc(1000))
  await promise
  t.ok(thrown instanceof Error)
})

t.test('an import is told of once it was answered, a refused one is not', async t => {
  t.match(await call('POST', '/api/backups/import', { passphrase: 'wrong' }), {
    status: 422,
    body: { code: 'EXPORT_PASSPHRASE_WRONG' },
  })
  t.strictSame(asked, ['wrong'])
  t.match(await call('POST', '/api/backups/import', { passphrase }), { status: 200, body: { backup: made.name } })
  t.strictSame(asked, ['wrong', passphrase, 'answered'])
})
