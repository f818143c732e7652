// The settings service: each bad input a named error, the former settings kept, one change at a time, no secret shown.
import t, { type Test } from 'tap'
import { readOnly } from '../../appliance/setup/connector-lease.ts'
import { proxyService } from '../../appliance/setup/proxy.ts'
import { settingsService } from '../../appliance/setup/settings.ts'
import { findExtension } from '../../appliance/vsphere/extension.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings, vcenterSettings } from './appliance-parts.ts'

const lab = await startLab()
t.teardown(() => lab.stop())
const signal = new AbortController().signal
const vcenterBody = () => ({ ...vcenterSettings(lab), password: lab.vcenter.connector.password })

async function service(t: Test, busy = false) {
  const { store, connections } = await applianceParts(t)
  const told: string[] = []
  const state = { readOnly: false }
  const registered = async () => void told.push((await store.settings.getConnector())?.bucket ?? '')
  const ensureActive = async () => {
    if (state.readOnly) throw readOnly('cloned')
  }
  const options = {
    settings: store.settings,
    connections,
    version: '1.2.3',
    busy: async () => busy,
    registered,
    ensureActive,
    proxy: proxyService({ settings: store.settings, secrets: store.secrets, connections }),
  }
  return { store, connections, told, state, settings: settingsService(options) }
}

async function setUp(t: Test, busy = false) {
  const parts = await service(t, busy)
  await parts.settings.changeVcenter(vcenterBody())
  await parts.settings.changeAws(awsSettings(lab), awsSecret(lab))
  return parts
}

t.test('what is shown holds no secret and no certificate', async t => {
  const { settings } = await service(t)
  t.same(await settings.view(), {})
  const vcenter = await settings.changeVcenter(vcenterBody())
  t.match(vcenter, { host: lab.vcenter.host, trust: 'pinned', missingPrivileges: [] })
  const aws = await settings.changeAws({ ...awsSettings(lab), assumeRoleExternalId: 'shared-secret' }, awsSecret(lab))
  t.match(aws, { region: lab.aws.region, accountId: lab.aws.accountId, arn: /connector/ })
  const text = JSON.stringify([vcenter, aws, await settings.view()])
  for (const secret of [lab.vcenter.connector.password, awsSecret(lab).secretAccessKey, 'shared-secret', 'BEGIN'])
    t.notOk(text.includes(secret))
})

t.test('the certificate of a vCenter is shown before it is trusted', async t => {
  const { settings } = await service(t)
  t.match(await settings.certificate(lab.vcenter.host), { thumbprintSha256: lab.vcenter.thumbprintSha256 })
  await t.rejects(settings.certificate('127.0.0.1:1'), { code: 'VCENTER_UNREACHABLE', hint: /port/ })
})

t.test('a changed certificate is refused by name, also in a session that was open', async t => {
  const { settings, connections, store } = await setUp(t)
  const { id } = await lab.vcenterControl<{ id: number }>('POST', '/faults', { kind: 'certificate', times: -1 })
  await t.rejects(settings.changeVcenter(vcenterBody()), {
    code: 'VCENTER_CERTIFICATE_CHANGED',
    hint: /thumbprint/,
  })
  await connections.close()
  await t.rejects(connections.vcenter(), { code: 'VCENTER_CERTIFICATE_CHANGED' })
  const shown = await settings.certificate(lab.vcenter.host)
  t.not(shown.thumbprintSha256, lab.vcenter.thumbprintSha256)

  t.comment('once the new one is accepted, all goes on')
  const trust = { kind: 'pinned' as const, certificatePem: shown.certificatePem }
  await settings.changeVcenter({ ...vcenterBody(), trust })
  t.match(await store.settings.getVcenter(), { trust })
  await lab.vcenterControl('DELETE', `/faults/${id}`)
})

t.test('each wrong AWS setting has its name, and leaves the former in place', async t => {
  const { settings, store } = await setUp(t)
  const before = await settings.view()
  const change = (changes: object, secret = awsSecret(lab)) =>
    settings.changeAws({ ...awsSettings(lab), ...changes }, secret)
  const wrongSecret = { secretAccessKey: 'CANARY'.repeat(7) }
  await t.rejects(change({}, wrongSecret), { code: 'AWS_CREDENTIALS_INVALID', hint: /secret access key/ })
  await t.rejects(change({ accessKeyId: 'AKIA0000000000000000' }), { code: 'AWS_CREDENTIALS_INVALID' })
  await lab.awsControl('POST', '/faults', { service: 'sts', kind: 'expiredToken' })
  await t.rejects(change({}), { code: 'AWS_CREDENTIALS_EXPIRED', hint: /fresh credentials/ })
  for (const skewMs of [-3_600_000, 3_600_000]) {
    await lab.awsControl('POST', '/clock', { skewMs })
    await t.rejects(change({}), { code: 'AWS_CLOCK_SKEW', hint: /NTP/ })
  }
  await lab.awsControl('POST', '/clock', { skewMs: 0 })
  await t.rejects(change({ endpoints: { sts: 'http://127.0.0.1:1' } }), { code: 'AWS_UNREACHABLE', hint: /endpoint/ })
  await t.rejects(change({ endpoints: { sts: 'http://sts.example' } }), { code: 'AWS_ENDPOINT_INSECURE' })
  t.same(await settings.view(), before)
  t.equal(await store.secrets.get('aws.secretAccessKey'), awsSecret(lab).secretAccessKey)
})

t.test('URLs that cannot be read, or that carry a password, are refused without repeating it', async t => {
  const { settings } = await service(t)
  const odd = [
    { endpoints: { s3: 'https://user:CANARY@s3.example' } },
    { endpoints: { s3: 'https://' } },
    { proxyUrl: 'http://:99999' },
    { proxyUrl: 'http://user:CANARY@proxy:3128' },
  ]
  for (const changes of odd) {
    const error = await settings.changeAws({ ...awsSettings(lab), ...changes }, awsSecret(lab)).catch(thrown => thrown)
    t.match(error, { code: 'INVALID_REQUEST', hint: /without a user name/ })
    t.notMatch(error.message, /CANARY/)
  }
})

t.test('the bucket can be made before vCenter is known, and registering keeps it', async t => {
  const { settings } = await service(t)
  await t.rejects(settings.createBucket(signal), { code: 'NOT_CONFIGURED' })
  await settings.changeAws(awsSettings(lab), awsSecret(lab))
  const made = await settings.createBucket(signal)
  t.match(made, { bucket: /^hoist-/, created: true })
  t.same(await settings.createBucket(signal), { ...made, created: false })
  await settings.changeVcenter(vcenterBody())
  t.equal((await settings.register(signal)).bucket, made.bucket)
})

t.test('registrations at the same moment make one bucket', async t => {
  const { settings, told } = await setUp(t)
  const buckets = async () => Object.keys(await lab.awsControl<Record<string, string>>('GET', '/buckets')).length
  const before = await buckets()
  const [first, ...others] = await Promise.all([1, 2, 3].map(() => settings.register(signal)))
  for (const other of others) t.same(other, first)
  t.equal(await buckets(), before + 1)
  t.same(await settings.connector(), first)
  t.same(told, [first?.bucket, first?.bucket, first?.bucket], 'each is told when it stands')
})

t.test('changes at the same moment end as one of them, whole', async t => {
  const { settings, store } = await setUp(t)
  const { admin, connector } = lab.vcenter
  const accounts = [admin, connector, admin, connector]
  await Promise.all(accounts.map(account => settings.changeVcenter({ ...vcenterBody(), ...account })))
  t.match(await store.settings.getVcenter(), { username: connector.username })
  t.equal(await store.secrets.get('vcenter.password'), connector.password)
  t.equal((await settings.changeVcenter(vcenterBody())).username, connector.username)
})

t.test('a failed change does not stop those after it', async t => {
  const { settings } = await service(t)
  const [failed, worked] = await Promise.allSettled([
    settings.changeVcenter({ ...vcenterBody(), password: 'wrong' }),
    settings.changeVcenter(vcenterBody()),
  ])
  t.match(failed, { status: 'rejected', reason: { code: 'VCENTER_LOGIN_FAILED' } })
  t.equal(worked?.status, 'fulfilled')
})

t.test('while runs are under way, the registration stays', async t => {
  const { settings, connections } = await setUp(t, true)
  await settings.register(signal)
  await t.rejects(settings.unregister(signal), { code: 'RUN_IN_PROGRESS', hint: /Cancel/ })
  t.ok(await findExtension(await connections.vcenter()))
})

t.test(
  'a connector that is read-only is neither registered nor unregistered nor moved; its credentials can be renewed',
  async t => {
    const { settings, state, store } = await setUp(t)
    await settings.register(signal)
    state.readOnly = true
    const refused = { code: 'CONNECTOR_READ_ONLY' }
    await t.rejects(settings.register(signal), refused)
    await t.rejects(settings.unregister(signal), refused)
    const before = await store.settings.getAws()
    await t.rejects(settings.changeAws({ ...awsSettings(lab), region: 'eu-west-1' }, awsSecret(lab)), { code: /./ })
    t.same(await store.settings.getAws(), before)
    await settings.changeAws(awsSettings(lab), awsSecret(lab))
    await settings.changeVcenter(vcenterBody())
  },
)
