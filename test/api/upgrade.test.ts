// The routes of upgrades; a bundle arrives over a real connection, whole, cut in the middle, refused early, and from two at once.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { UpgradeView } from '../../appliance/api/schemas/upgrade.ts'
import { OfferedBundle } from '../../appliance/upgrade/offered-bundle.ts'
import { UpgradeService } from '../../appliance/upgrade/upgrade-service.ts'
import { forgedBundle, keyPair } from '../upgrade/sample-release.ts'
import { apiToken, memoryApi } from './memory-api.ts'

const { privateKey, publicKey } = keyPair()
const directory = mkdtempSync(join(tmpdir(), 'hoist-upgrade-api-'))
t.teardown(() => rmSync(directory, { recursive: true }))
const installed: string[] = []
const now = () => new Date()
const bundle = new OfferedBundle({
  ...{ directory, running: '1.0.0', keys: async () => [publicKey], freeBytes: () => undefined },
  ...{ changed: () => undefined, now },
})
const nothing = async () => {
  throw new Error('not asked in this test')
}
let settings: Parameters<UpgradeService['configure']>[0] | undefined
const upgrade = new UpgradeService({
  running: '1.0.0',
  bundle,
  machine: {
    isThere: () => true,
    async upgrade(file) {
      installed.push(file)
    },
  },
  readState: async () => ({ phase: 'settled' }),
  runsUnderWay: async () => 0,
  settings: {
    get: async () => settings,
    async set(given) {
      settings = given
    },
  },
  sources: { url: nothing, object: nothing, list: async () => [{ key: 'releases/hoist-1.1.0.tar', sizeBytes: 5 }] },
  nextOpening: () => undefined,
  timeZone: () => 'Europe/Berlin',
  changed: () => undefined,
  now,
  log: { info: () => undefined, warn: () => undefined },
})
const { api, call } = await memoryApi({ upgrade })
t.teardown(() => api.close())
await api.listen({ host: '127.0.0.1', port: 0 })
const { port } = api.server.address() as AddressInfo

/** An upload whose bytes the test sends when it likes. */
function beginUpload(headers: Record<string, string | number> = {}) {
  const answered = Promise.withResolvers<{ status: number; body: Partial<UpgradeView> & { code?: string } }>()
  const sent = request(
    {
      ...{
        host: '127.0.0.1',
        port,
        path: '/api/upgrade/bundle',
        method: 'POST',
        rejectUnauthorized: false,
        agent: false,
      },
      headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/octet-stream', ...headers },
    },
    async answer => {
      const text = Buffer.concat(await Array.fromAsync(answer)).toString()
      answered.resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) })
    },
  )
  sent.on('error', answered.reject)
  return { sent, answer: answered.promise }
}

async function upload(bytes: Buffer) {
  const { sent, answer } = beginUpload({ 'content-length': bytes.length })
  sent.end(bytes)
  return await answer
}

t.test('a bundle is uploaded, seen, and installed', async t => {
  const bytes = forgedBundle(privateKey, {})
  t.match(await upload(bytes), { status: 201, body: { offered: { version: '1.1.0', sizeBytes: bytes.length } } })
  t.match(await call('GET', '/api/upgrade'), { status: 200, body: { offered: { version: '1.1.0' } } })
  t.match(await call('POST', '/api/upgrade/install', { version: '1.2.0' }), { status: 404 })
})

t.test('what is not signed is refused though most of it has not come, and the rest is read to its end', async t => {
  const foreign = forgedBundle(keyPair().privateKey, {})
  const { sent, answer } = beginUpload()
  sent.write(foreign)
  for (let piece = 0; piece < 64; piece++) sent.write(Buffer.alloc(64 * 1024))
  sent.end()
  t.match(await answer, { status: 422, body: { code: 'RELEASE_UNTRUSTED' } })
  t.match((await call<UpgradeView>('GET', '/api/upgrade')).body, {
    refused: { from: 'upload', code: 'RELEASE_UNTRUSTED' },
    offered: { version: '1.1.0' },
  })
})

t.test('an upload that is cut leaves nothing but the reason', async t => {
  const bytes = forgedBundle(privateKey, { fields: { version: '1.3.0' } })
  const { sent, answer } = beginUpload({ 'content-length': bytes.length })
  sent.write(bytes.subarray(0, 2048))
  while (bundle.receiving?.receivedBytes !== 2048) await new Promise(setImmediate)
  sent.destroy()
  await t.rejects(answer)
  while (bundle.receiving) await new Promise(setImmediate)
  t.match(bundle.refused, { from: 'upload', code: 'RELEASE_INTERRUPTED' })
  t.same(readdirSync(directory), ['hoist-1.1.0.tar'])
})

t.test('of two uploads at once the second is refused', async t => {
  const bytes = forgedBundle(privateKey, { fields: { version: '1.4.0' } })
  const first = beginUpload({ 'content-length': bytes.length })
  first.sent.write(bytes.subarray(0, 2048))
  while (!bundle.receiving) await new Promise(setImmediate)
  t.match(await upload(bytes), { status: 409, body: { code: 'RELEASE_BUSY' } })
  first.sent.end(bytes.subarray(2048))
  t.match(await first.answer, { status: 201, body: { offered: { version: '1.4.0' } } })
})

t.test('what is too large, or no octet stream, is refused', async t => {
  const large = beginUpload({ 'content-length': 2 ** 30 })
  large.sent.write('x')
  t.match(await large.answer, { status: 413, body: { code: 'RELEASE_TOO_LARGE' } })
  large.sent.destroy()
  const json = beginUpload({ 'content-type': 'application/json' })
  json.sent.end('{}')
  t.match(await json.answer, { status: 415, body: { code: 'INVALID_REQUEST' } })
})

t.test('an upload can be given up by another window', async t => {
  const { sent, answer } = beginUpload()
  sent.write('x')
  while (!bundle.receiving) await new Promise(setImmediate)
  t.match(await call('DELETE', '/api/upgrade/fetch'), { status: 200 })
  sent.end()
  t.match(await answer, { status: 409, body: { code: 'RELEASE_INTERRUPTED' } })
})

t.test('settings, the list of the bucket, an install and a removal have the documented form', async t => {
  const body = { enabled: true, source: { kind: 'bucket' }, windows: [{ days: ['sun'], from: '02:00', to: '04:00' }] }
  t.match(await call('PUT', '/api/upgrade/settings', body), {
    status: 200,
    body: { auto: { enabled: true, timeZone: 'Europe/Berlin', next: { do: 'nothing', why: 'neverOpen' } } },
  })
  t.match(await call('PUT', '/api/upgrade/settings', { ...body, source: { kind: 'x' } }), { status: 400 })
  t.match(await call('GET', '/api/upgrade/releases'), { body: { items: [{ version: '1.1.0', sizeBytes: 5 }] } })
  t.match(await call('POST', '/api/upgrade/fetch', { from: 'url', url: 'https://u@h/' }), {
    status: 400,
    body: { code: 'RELEASE_ADDRESS_REFUSED' },
  })
  t.match(await call('POST', '/api/upgrade/install', { version: '1.4.0' }), {
    status: 202,
    body: { phase: 'handing', to: '1.4.0' },
  })
  t.same(installed, ['hoist-1.4.0.tar'])
  t.match(await call('DELETE', '/api/upgrade/bundle'), { status: 409, body: { code: 'UPGRADE_IN_PROGRESS' } })
})
