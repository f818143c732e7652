// Bundles sent by themselves: once a day, from where the last one ended, and what went wrong is shown.
import { Readable } from 'node:stream'
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { LogUpload, type LogUploadOptions } from '../../appliance/support/log-upload.ts'

const hourMs = 3_600_000

function upload(changes: Partial<LogUploadOptions> = {}) {
  const state = {
    at: new Date('2026-03-01T00:00:00Z'),
    setting: undefined as Awaited<ReturnType<LogUploadOptions['setting']['get']>>,
    sent: [] as string[],
    spans: [] as (string | undefined)[],
    errors: [] as unknown[],
  }
  const made = new LogUpload({
    setting: {
      get: async () => state.setting,
      set: async setting => {
        state.setting = setting
      },
    },
    bundle(span) {
      state.spans.push(span.from?.toISOString())
      return { fileName: 'b.tar.gz', content: Readable.from([Buffer.from('bun'), Buffer.from('dle')]) }
    },
    async put(fileName, body) {
      state.sent.push(`${fileName} ${body}`)
      return `logs/c/${fileName}`
    },
    now: () => state.at,
    onError: thrown => state.errors.push(thrown),
    ...changes,
  })
  t.teardown(() => made.stop())
  return { made, state }
}

t.test('nothing is sent until it is switched on, then once a day from where the last one ended', async t => {
  const { made, state } = upload()
  await made.sendIfDue()
  t.same([await made.view(), state.sent], [{ enabled: false }, []])
  await made.enable(true)
  await made.sendIfDue()
  t.same(state.sent, ['b.tar.gz bundle'])
  t.same(await made.view(), { enabled: true, lastAt: '2026-03-01T00:00:00.000Z', lastKey: 'logs/c/b.tar.gz' })
  state.at = new Date(state.at.getTime() + 23 * hourMs)
  await made.sendIfDue()
  t.equal(state.sent.length, 1)
  state.at = new Date(state.at.getTime() + hourMs)
  await made.sendIfDue()
  t.same(state.spans, ['2026-02-28T00:00:00.000Z', '2026-03-01T00:00:00.000Z'])
  state.at = new Date('2025-01-01T00:00:00Z')
  await made.sendIfDue()
  t.equal(state.sent.length, 3, 'a last time in the future says nothing')
  t.match(await made.enable(false), { enabled: false })
})

t.test('what went wrong is shown until it goes well or is switched off', async t => {
  let fails = true
  const { made, state } = upload({
    lookMs: 5,
    async put() {
      if (fails) throw new ApplianceError('AWS_UNREACHABLE', 'Away', { hint: 'Look' })
      return 'logs/c/x'
    },
  })
  await made.enable(true)
  made.start()
  while (state.errors.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.match(await made.view(), { enabled: true, failure: { code: 'AWS_UNREACHABLE', message: 'Away', hint: 'Look' } })
  fails = false
  while ((await made.view()).lastKey === undefined) await new Promise(resolve => setTimeout(resolve, 5))
  t.notOk((await made.view()).failure)
  await made.stop()
})

t.test('a connector that may not write sends nothing, and asks again', async t => {
  const { made, state } = upload({ put: async () => undefined })
  await made.enable(true)
  await made.sendIfDue()
  t.same(state.setting, { enabled: true })
})

t.test('a bundle without end is given up, and an error without a name tells nothing of itself', async t => {
  const endless = () => {
    const content = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(2 ** 20)
      })(),
    )
    return { fileName: 'x', content }
  }
  const { made, state } = upload({ bundle: endless, lookMs: 60_000 })
  await made.enable(true)
  made.start()
  while (state.errors.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.match((await made.view()).failure, { code: 'INTERNAL', message: /see the log/ })
  t.same(state.sent, [])
})
