// Leftovers over the API: listed without action, cleaned up on demand, adopted by their image.
import t from 'tap'
import type { Leftover } from '../../appliance/api/schemas/leftovers.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { sampleRun } from '../store/samples.ts'
import { memoryApi } from './memory-api.ts'

const items: Leftover[] = [
  { kind: 'vmSnapshot', id: 'snapshot-7', where: 'web01', runId: 'r', verdict: 'remove', why: 'Its run has ended' },
  {
    ...{ kind: 'image', id: 'ami-0123456789abcdef0', where: 'eu-central-1', runId: 'r', jobId: 'j' },
    ...{ serverName: 'web01', createdAt: '2030-01-01T00:00:00.000Z', sizeBytes: 2 ** 40, verdict: 'adopt', why: '?' },
  },
  ...(['upload', 'object', 'importTask', 'ebsSnapshot'] as const).map(
    (kind): Leftover => ({ kind, id: 'x', where: 'y', verdict: kind === 'upload' ? 'inUse' : 'keep', why: 'z' }),
  ),
]
let cleanings = 0
let readOnly = false
const { api, call } = await memoryApi({
  leftovers: {
    async list(signal) {
      signal.throwIfAborted()
      return items
    },
    async clean() {
      if (readOnly) throw new ApplianceError('CONNECTOR_READ_ONLY', 'This appliance is a clone', { hint: 'Decide.' })
      cleanings += 1
    },
    async adopt(imageId) {
      if (imageId === 'ami-0123456789abcdef0') return sampleRun(1, { state: 'succeeded', trigger: 'adopted', imageId })
      throw new ApplianceError('LEFTOVER_NOT_ADOPTABLE', `The connector has not made ${imageId}`, {
        hint: 'List them.',
      })
    },
  },
})
t.teardown(() => api.close())

t.test('the listing shows every kind with its verdict, and does nothing', async t => {
  t.same((await call('GET', '/api/leftovers')).body, { items })
  t.equal(cleanings, 0)
})

t.test('a cleaning begins on demand, unless the connector is read-only', async t => {
  t.same(await call('POST', '/api/leftovers/clean'), { status: 202, body: { begun: true } })
  t.equal(cleanings, 1)
  readOnly = true
  t.match(await call('POST', '/api/leftovers/clean'), { status: 409, body: { code: 'CONNECTOR_READ_ONLY' } })
  t.equal(cleanings, 1)
})

t.test('an image is adopted as a run of its server, by an id that is an id', async t => {
  const adopt = (imageId: unknown) => call('POST', '/api/leftovers/adopt', { imageId })
  t.match(await adopt('ami-0123456789abcdef0'), { status: 201, body: { trigger: 'adopted', state: 'succeeded' } })
  t.match(await adopt('ami-00000000'), { status: 409, body: { code: 'LEFTOVER_NOT_ADOPTABLE' } })
  for (const bad of ['', 'snap-0123456789abcdef0', 'ami-XYZ', 'ami-0123456789abcdef0\n', 7, null])
    t.match(await adopt(bad), { status: 400, body: { code: 'INVALID_REQUEST' } }, String(bad))
})
