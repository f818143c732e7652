// The gate before AWS: what the machine says of its clock, what AWS's own clock says, and for how long either is believed.
import t, { type Test } from 'tap'
import { createAwsClients } from '../../appliance/aws/clients.ts'
import { ClockGate } from '../../appliance/setup/clock-gate.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings } from './appliance-parts.ts'

const lab = await startLab({ vcenter: false })
t.teardown(() => lab.stop())
t.afterEach(() => lab.awsControl('POST', '/clock', { skewMs: 0 }))
const skew = (minutes: number) => lab.awsControl('POST', '/clock', { skewMs: minutes * 60_000 })
const minute = 60_000

/** A gate whose machine says this, with how often it was asked. */
function gate(t: Test, isSynchronized: boolean | undefined) {
  const clients = createAwsClients({ settings: awsSettings(lab), secret: awsSecret(lab) })
  t.teardown(() => clients.destroy())
  const state = { isSynchronized, asked: 0, atMs: 0, skews: [] as number[] }
  const clock = new ClockGate({
    async isSynchronized() {
      state.asked++
      return state.isSynchronized
    },
    now: () => new Date(),
    monotonicMs: () => state.atMs,
    onSkew: skewMs => state.skews.push(skewMs),
  })
  return { state, clock, clients, pass: () => clock.pass(clients) }
}

t.test('a machine that keeps its time is believed for ten minutes, and AWS is not asked', async t => {
  await skew(60)
  const { state, pass } = gate(t, true)
  for (const atMs of [0, 5 * minute, 9 * minute]) {
    state.atMs = atMs
    await pass()
  }
  t.strictSame([state.asked, state.skews], [1, []])
  state.atMs = 10 * minute
  state.isSynchronized = false
  await t.rejects(pass(), { code: 'AWS_CLOCK_SKEW' })
})

t.test('where nothing can tell, all is as it was: AWS itself refuses what is too far off', async t => {
  await skew(60)
  const { state, pass } = gate(t, undefined)
  await pass()
  t.strictSame(state.skews, [])
})

t.test('a machine that could not tell while it started is asked again after a minute', async t => {
  await skew(60)
  const { state, pass } = gate(t, undefined)
  await pass()
  state.isSynchronized = false
  state.atMs = minute - 1
  await pass()
  state.atMs = minute
  await t.rejects(pass(), { code: 'AWS_CLOCK_SKEW' })
})

t.test(
  "a clock that nothing keeps right passes within two minutes of AWS's, and is measured again after one",
  async t => {
    const { state, pass } = gate(t, false)
    for (const minutes of [0, 1.9, -1.9]) {
      await skew(minutes)
      await pass()
      state.atMs += minute
      t.ok(Math.abs((state.skews.at(-1) ?? 0) + minutes * minute) < 3000, `${minutes} minutes: ${state.skews.at(-1)}`)
    }
    t.equal(state.skews.length, 3)
    await pass()
    state.atMs += minute - 1
    await skew(60)
    await pass()
    t.equal(state.skews.length, 4, 'not before')
  },
)

t.test('one that is further off is refused by a name, with what to do, and passes once it is right', async t => {
  const { state, pass } = gate(t, false)
  for (const [minutes, how] of [
    [3, 'behind'],
    [-90, 'ahead of'],
  ] as const) {
    await skew(minutes)
    await t.rejects(pass(), {
      code: 'AWS_CLOCK_SKEW',
      message: new RegExp(`${Math.abs(minutes)} minutes ${how} AWS`),
      hint: /NTP/,
    })
    state.atMs += 5_000
  }
  await skew(0)
  await pass()
})

t.test('fifty that ask together ask AWS once, whether it passes or not', async t => {
  for (const minutes of [0, 30]) {
    await skew(minutes)
    const { state, pass } = gate(t, false)
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, pass))
    t.equal(state.skews.length, 1)
    t.equal(new Set(outcomes.map(({ status }) => status)).size, 1)
    t.equal(outcomes[0]?.status, minutes === 0 ? 'fulfilled' : 'rejected')
  }
})

t.test('AWS that does not answer is named as such, and asked again at once', async t => {
  const settings = { ...awsSettings(lab), endpoints: { sts: 'http://127.0.0.1:1' } }
  const nowhere = createAwsClients({ settings, secret: awsSecret(lab) })
  t.teardown(() => nowhere.destroy())
  const { clock, pass } = gate(t, false)
  await t.rejects(clock.pass(nowhere), { code: 'AWS_UNREACHABLE' })
  await pass()
})

t.test('no connection to AWS is handed out while the clock is wrong, and no settings are kept', async t => {
  const { state, clock } = gate(t, true)
  const { connections, store } = await applianceParts(t, clock)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  state.isSynchronized = false
  state.atMs += 10 * minute
  await skew(10)
  await t.rejects(connections.aws(), { code: 'AWS_CLOCK_SKEW' })
  t.ok(await connections.awsAtAnyTime(), 'whoever looks into it gets one')
  const other = { ...awsSettings(lab), importRoleName: 'other' }
  await t.rejects(connections.changeAws(other, awsSecret(lab)), { code: 'AWS_CLOCK_SKEW', hint: /time servers/ })
  t.match(await store.settings.getAws(), { importRoleName: 'vmimport' })
  await skew(0)
  state.atMs += 5_000
  await connections.aws()
})
