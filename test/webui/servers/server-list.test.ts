import t from 'tap'
import { forgetServers, readServers, serverList } from '../../../webui/servers/server-list.ts'
import { fakeApi } from '../fake-api.ts'
import { server } from '../samples.ts'

t.test('the catalog is read page by page, once for each of its states', async t => {
  const api = fakeApi({
    'GET /api/servers': ({ path }) => {
      const after = new URL(path, 'https://x').searchParams.get('after')
      const body = after === null ? { items: [server('a')], total: 2, next: 'n' } : { items: [server('b')], total: 2 }
      return { body }
    },
  })
  t.teardown(api.stop)
  await readServers('v1')
  t.match(serverList.get(), { total: 2, reading: false, rows: [{ name: 'a' }, { name: 'b' }] })
  await readServers('v1')
  t.equal(api.asked.length, 2)
  const sizes: number[] = []
  const leave = serverList.follow(({ rows }) => sizes.push(rows.length))
  await readServers('v2')
  leave()
  t.ok(
    sizes.every(size => size === 2),
    'what is in sight stays until the new catalog is whole',
  )
  forgetServers()
  t.equal(serverList.get().rows.length, 0)
})

t.test('a failure is told, and the next look tries again', async t => {
  let works = false
  const api = fakeApi({
    'GET /api/servers': () =>
      works
        ? { body: { items: [], total: 0 } }
        : { status: 503, body: { code: 'STORE_LOCKED', message: 'm', hint: 'h' } },
  })
  t.teardown(api.stop)
  await readServers('v3')
  t.equal(serverList.get().error?.code, 'STORE_LOCKED')
  works = true
  await readServers('v3')
  t.equal(serverList.get().error, undefined)
})
