import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fastify from 'fastify'
import t from 'tap'
import { contentSecurityPolicy, pageRoutes } from '../../appliance/api/page.ts'
import type { Routes } from '../../appliance/api/routes.ts'

async function served(options: { built?: boolean } = {}) {
  const { built = true } = options
  const directory = await mkdtemp(join(tmpdir(), 'hoist-page-'))
  await mkdir(join(directory, 'assets'))
  if (built) await writeFile(join(directory, 'index.html'), '<!doctype html><title>Hoist</title>')
  await writeFile(join(directory, 'assets', 'index-AbC123.js'), 'export {}')
  await writeFile(join(directory, 'assets', 'index-AbC123.js.gz'), gzipSync('export {}'))
  await writeFile(join(directory, 'icon.svg'), '<svg/>')
  await writeFile(join(directory, '.secret'), 'no')
  const app = fastify() as unknown as Routes
  // As the API does: nothing of it is kept.
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  app.get('/api/known', () => ({ ok: true }))
  await pageRoutes(app, { directory })
  t.teardown(() => app.close())
  return (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })
}

t.test('every path of the page answers with the document, that is asked for again each time', async t => {
  const get = await served()
  for (const url of ['/', '/servers', '/runs/4711', '/jobs?job=1', '/api/docs']) {
    const answer = await get(url)
    t.equal(answer.statusCode, 200, url)
    t.match(answer.body, '<title>Hoist</title>')
    t.match(answer.headers['content-type'], 'text/html')
    t.equal(answer.headers['cache-control'], 'no-cache')
    t.equal(answer.headers['content-security-policy'], contentSecurityPolicy)
  }
})

t.test('the policy allows nothing inline and nothing from elsewhere', async t => {
  t.notMatch(contentSecurityPolicy, /unsafe|\*|data:|http/)
  t.match(contentSecurityPolicy, "default-src 'none'")
  t.match(contentSecurityPolicy, "frame-ancestors 'none'")
})

t.test('a file with a hash in its name may be kept for ever, and comes compressed to whoever takes that', async t => {
  const get = await served()
  const plain = await get('/assets/index-AbC123.js')
  t.equal(plain.body, 'export {}')
  t.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
  const packed = await get('/assets/index-AbC123.js', { 'accept-encoding': 'gzip, br' })
  t.equal(packed.headers['content-encoding'], 'gzip')
  t.match(packed.headers['content-type'], 'javascript')
})

t.test('what is not there is 404, also in the folder of assets, and is kept by nobody', async t => {
  const get = await served()
  for (const url of [
    '/assets/index-Old999.js',
    '/favicon.ico',
    '/../package.json',
    '/%2e%2e/package.json',
    '/.secret',
    '/%ff.js',
  ]) {
    const answer = await get(url)
    t.not(answer.headers['cache-control'], 'public, max-age=31536000, immutable', url)
    t.notMatch(answer.body, /"name"|^no$/, url)
  }
  t.equal((await get('/assets/index-Old999.js')).statusCode, 404)
  t.equal((await get('/api/known')).json().ok, true, 'the API is not in the way')
})

t.test('a page that was not built says how to build it', async t => {
  const answer = await (await served({ built: false }))('/')
  t.equal(answer.statusCode, 503)
  t.match(answer.body, 'npm run build')
})

t.test('a name that no file can have is not found', async t => {
  const get = await served()
  for (const url of ['/hoist.db%00', '/%00.js', '/assets/index-AbC123.js%00'])
    t.match((await get(url)).statusCode, 404, url)
})
