import t from 'tap'
import { awaitTask, type ImportStatus, settledTask, whenThereIsRoom } from '../../appliance/aws/import-task.ts'

t.test('a start that meets a full quota waits for its turn', async t => {
  let tries = 0
  let queued = 0
  const start = async () => {
    tries++
    if (tries < 4) throw Object.assign(new Error('full'), { name: 'ResourceCountLimitExceeded' })
    return 'import-snap-1'
  }
  t.equal(await whenThereIsRoom(start, { pollMs: 1, onQueued: () => queued++ }), 'import-snap-1')
  t.equal(queued, 3)
})

t.test('any other refusal of a start is passed on, and an abort ends the wait', async t => {
  const refuse = (name: string) => async () => {
    throw Object.assign(new Error(name), { name })
  }
  await t.rejects(whenThereIsRoom(refuse('InvalidParameter'), { pollMs: 1 }), { name: 'InvalidParameter' })
  const stop = new AbortController()
  const waiting = whenThereIsRoom(refuse('ResourceCountLimitExceeded'), {
    pollMs: 60_000,
    signal: stop.signal,
    onQueued: () => stop.abort(new Error('cancelled')),
  })
  await t.rejects(waiting, { message: 'cancelled' })
})

t.test('every status is reported until the task is completed', async t => {
  const story: (ImportStatus | undefined)[] = [
    undefined,
    { status: 'active', statusMessage: 'pending' },
    { status: 'active', statusMessage: 'converting', progress: 40 },
    { status: 'completed', statusMessage: '' },
  ]
  const seen: string[] = []
  const last = await awaitTask(async () => story.shift(), {
    what: 'web01',
    pollMs: 1,
    onStatus: status => seen.push(status.statusMessage),
  })
  t.same(seen, ['pending', 'converting', ''])
  t.equal(last.status, 'completed')
})

t.test("a failure arrives as deleting, and AWS's last words are kept", async t => {
  const text = 'ClientError: Disk validation failed'
  await t.rejects(
    awaitTask(async () => ({ status: 'deleting', statusMessage: text }), { what: 'web01', pollMs: 1 }),
    { code: 'IMPORT_REFUSED', message: /web01.*Disk validation failed/ },
  )
  const story = [
    { status: 'active', statusMessage: 'ClientError: No valid partitions' },
    { status: 'deleted', statusMessage: '' },
  ]
  await t.rejects(
    awaitTask(async () => story.shift(), { what: 'web01', pollMs: 1 }),
    { message: /No valid partitions/ },
  )
})

t.test('a task that was cancelled when it was almost done is waited for: what it makes must be seen', async t => {
  const end = { status: 'completed', statusMessage: '' }
  const story = [{ status: 'active', statusMessage: 'converting' }, { status: 'active', statusMessage: '' }, end]
  const signal = AbortSignal.timeout(10_000)
  t.equal(await settledTask(async () => story.shift(), { pollMs: 1, signal }), end)
  t.equal(await settledTask(async () => undefined, { pollMs: 1, signal }), undefined)
  const forEver = async () => ({ status: 'active', statusMessage: '' })
  await t.rejects(settledTask(forEver, { pollMs: 1, signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' })
})
