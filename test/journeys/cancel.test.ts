// Cancel in a real browser, at every stage of a run: it ends there, both browsers say so, and nothing of it stays.
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { Leftover } from '../../appliance/api/schemas/leftovers.ts'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Policy } from '../../appliance/domain.ts'
import { type Journey, shoot, startJourney } from './browser.ts'

const mebibyte = 1024 * 1024
const names = ['scheduled', 'uploading', 'converting', 'image']
let journey: Journey
let page: Page

t.before(async () => {
  journey = await startJourney({
    vms: names.map((name, seed) => ({
      name,
      // Noise is as large on its way as it is: the one that is read slowly must last.
      disks: [{ sizeBytes: (name === 'uploading' ? 64 : 8) * mebibyte, kind: 'noise', seed }],
    })),
  })
  await journey.site.setUp()
  await journey.claim()
  page = await journey.open()
  await journey.signIn(page)
})
t.teardown(() => journey.stop())

/** Opens the run, waits for the stage's own words, cancels by clicks, and looks at what is left. */
async function cancelled(t: Test, run: RunView, stage: string, meanwhile?: () => Promise<unknown>): Promise<void> {
  const { site, address } = journey
  await page.goto(`${address}/runs/${run.id}`)
  await page.getByText(`${stage}: In progress`).waitFor()
  await page.getByRole('button', { name: 'Cancel run' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click()
  await meanwhile?.()
  await page.getByText(`${stage}: Stopped here`).waitFor()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Retry' }).waitFor()
  await shoot(page, `wide-light-cancelled-${run.serverName}`)
  const ended = await site.until(run.id, ({ endedAt }) => endedAt !== undefined)
  t.equal(ended.state, 'cancelled')
  t.equal(ended.imageId, undefined, 'no image')
  const { snapshots } = await site.lab.vcenterControl<{ snapshots: Record<string, unknown[]> }>('GET', '/state')
  t.strictSame(Object.values(snapshots).flat(), [], 'no snapshot in vCenter')
  const { body } = await site.call<{ items: Leftover[] }>('GET', '/api/leftovers')
  // AWS keeps tasks that are over, as history.
  const ofThis = body.items.filter(({ runId, verdict }) => runId === run.id && verdict !== 'keep')
  t.strictSame(ofThis, [], 'nothing in AWS')
}

t.test('a run that waits for the end of a blackout', async t => {
  const { site } = journey
  const { body: policy } = await site.call<Policy>('GET', '/api/policy')
  const first = await site.replicate('scheduled')
  // Not the whole week, which is refused: all but the day in half a week's time.
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'].toSpliced((new Date().getUTCDay() + 3) % 7, 1)
  const window = { days, from: '00:00', to: '24:00' }
  const blackouts = [{ window, holdTransfers: false }]
  const { status, body } = await site.call('PUT', '/api/policy', { ...policy, timeZone: 'UTC', blackouts })
  t.equal(status, 200, JSON.stringify(body))
  t.teardown(() => site.call('PUT', '/api/policy', policy))
  const { body: run } = await site.call<RunView>('POST', `/api/jobs/${first.jobId}/runs`)
  await cancelled(t, run, 'Scheduled')
})

t.test('a run whose disk is read', async t => {
  const { site } = journey
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 2 * mebibyte })
  t.teardown(() => site.lab.vcenterControl('POST', '/shape', {}))
  const run = await site.begin('uploading')
  await site.until(run.id, ({ disks }) => disks.some(({ readBytes }) => readBytes > 0))
  await cancelled(t, run, 'Uploading')
})

t.test('a run whose disk VM Import converts', async t => {
  const { site } = journey
  await site.lab.awsControl('POST', '/tasks', { stepMs: 60_000 })
  t.teardown(() => site.lab.awsControl('POST', '/tasks', { stepMs: 1 }))
  const run = await site.begin('converting')
  await site.until(run.id, ({ state, steps }) => state === 'converting' && steps.some(({ kind }) => kind === 'import'))
  await cancelled(t, run, 'Importing disks')
})

t.test('a run whose image is registered: what AWS makes after the click is taken away again', async t => {
  const { site } = journey
  const { id } = await site.lab.awsControl<{ id: string }>('POST', '/faults', {
    service: 'ec2',
    operation: 'RegisterImage',
    kind: 'hold',
  })
  const run = await site.begin('image')
  await site.until(
    run.id,
    ({ state, steps }) => state === 'creatingImage' && steps.some(({ kind }) => kind === 'image'),
  )
  await cancelled(t, run, 'Creating image', async () => {
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel run', disabled: true }).waitFor()
    // A request that makes something is not broken off: whether it did would not be known.
    await site.lab.awsControl('DELETE', `/faults/${id}`)
  })
  const requests = await site.lab.awsControl<{ operation: string; status: number }[]>('GET', '/requests')
  const registered = requests.filter(({ operation }) => operation === 'RegisterImage')
  const removed = requests.filter(({ operation }) => operation === 'DeregisterImage')
  t.ok(
    registered.some(({ status }) => status === 200),
    'AWS registered it',
  )
  t.ok(
    removed.some(({ status }) => status === 200),
    'and it was deregistered',
  )
})
