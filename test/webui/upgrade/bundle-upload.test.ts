// The page's own upload of a bundle: followed, ended with a refusal that comes early, and given up without a trace.
import t, { type Test } from 'tap'
import type { UpgradeView } from '../../../webui/contract.ts'
import { live } from '../../../webui/live.ts'
import { bundleUpload, cancelBundleUpload, forgetFailure, uploadBundle } from '../../../webui/upgrade/bundle-upload.ts'
import { type Answers, fakeApi } from '../fake-api.ts'

const file = new File(['0123456789'], 'hoist-1.1.0.tar')
const view: UpgradeView = {
  ...{ running: '1.0.0', canUpgrade: true, phase: 'settled', runsUnderWay: 0 },
  auto: {
    ...{ enabled: false, source: { kind: 'bucket' }, windows: [], timeZone: 'UTC' },
    next: { do: 'nothing', why: 'off' },
  },
}
const refused = { from: 'upload', code: 'RELEASE_UNTRUSTED', message: 'm', hint: 'h', at: 'now' } as const
Object.assign(globalThis, { addEventListener: () => undefined, removeEventListener: () => undefined })

function page(t: Test, answers: Answers) {
  const api = fakeApi(answers)
  t.teardown(api.stop)
  bundleUpload.set({})
  live.upgrade.set({ data: view })
  const told: (number | undefined)[] = []
  t.teardown(bundleUpload.follow(({ sending }) => told.push(sending?.sentBytes)))
  return { asked: api.asked, told }
}

t.test('a bundle is sent, and what is ready then is known', async t => {
  const offered = { version: '1.1.0', releasedAt: 'then', sizeBytes: 10, receivedAt: 'now' }
  const { told } = page(t, { 'POST /api/upgrade/bundle': () => ({ status: 201, body: { ...view, offered } }) })
  const ended = uploadBundle(file)
  t.match(bundleUpload.get().sending, { name: 'hoist-1.1.0.tar', sentBytes: 0, totalBytes: 10 })
  await uploadBundle(file)
  t.strictSame(told, [0], 'one at a time')
  await ended
  t.strictSame(told, [0, 5, 10, undefined])
  t.strictSame(live.upgrade.get().data?.offered, offered)
  t.strictSame(bundleUpload.get(), {})
})

t.test('why it failed is kept until the next', async t => {
  const answers = [
    { status: 409, body: { code: 'RELEASE_BUSY', message: 'm', hint: 'h' } },
    { status: 201, body: view },
  ]
  page(t, { 'POST /api/upgrade/bundle': () => answers.shift() })
  await uploadBundle(file)
  t.match(bundleUpload.get(), { error: { code: 'RELEASE_BUSY' } })
  await uploadBundle(file)
  t.strictSame(bundleUpload.get(), {})
})

t.test('what the stream says of a refusal ends it before all is sent; an older one does not', async t => {
  const { asked } = page(t, {})
  live.upgrade.set({ data: { ...view, refused: { ...refused, at: 'before' } } })
  const ended = uploadBundle(file)
  live.upgrade.set({ data: { ...view, refused: { ...refused, at: 'before' } } })
  live.upgrade.set({ data: { ...view, refused: { ...refused, from: 'url' } } })
  t.ok(bundleUpload.get().sending)
  live.upgrade.set({ data: { ...view, refused } })
  await ended
  t.strictSame(bundleUpload.get(), {}, 'the appliance says why')
  t.strictSame(asked, [])
})

t.test(
  'a failure is told of until the appliance tells of it, another bundle comes, or somebody has read it',
  async t => {
    page(t, { 'POST /api/upgrade/bundle': () => ({ status: 0 }) })
    const receiving = { from: 'bucket', receivedBytes: 1 } as const
    for (const news of [{ refused }, { receiving }]) {
      live.upgrade.set({ data: view })
      await uploadBundle(file)
      t.match(bundleUpload.get(), { error: { code: 'UPLOAD_BROKEN' } })
      live.upgrade.set({ data: { ...view, runsUnderWay: 1 } })
      t.ok(bundleUpload.get().error)
      live.upgrade.set({ data: { ...view, ...news } })
      t.strictSame(bundleUpload.get(), {})
    }
    live.upgrade.set({ data: view })
    await uploadBundle(file)
    const { error } = bundleUpload.get()
    if (error) forgetFailure(error)
    t.strictSame(bundleUpload.get(), {})
  },
)

t.test('who cancels it has told the appliance first, and sees no error', async t => {
  const { asked } = page(t, { 'DELETE /api/upgrade/fetch': () => ({ body: view }) })
  const ended = uploadBundle(file)
  await cancelBundleUpload()
  await ended
  t.strictSame(bundleUpload.get(), {})
  t.strictSame(
    asked.map(({ method, path }) => `${method} ${path}`),
    ['DELETE /api/upgrade/fetch'],
  )
})

t.test('with the end of the session nothing more is sent', async t => {
  const { asked } = page(t, {})
  const ended = uploadBundle(file)
  live.upgrade.set({})
  await ended
  t.strictSame([asked, bundleUpload.get()], [[], {}])
})
