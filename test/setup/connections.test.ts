// Connections: new settings are kept only when they work, and what they replace stays as long as it is needed.
import t from 'tap'
import { reference } from '../../appliance/vsphere/vim.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings, connectBoth, vcenterSettings } from './appliance-parts.ts'

const lab = await startLab()
t.teardown(() => lab.stop())
const password = lab.vcenter.connector.password
const sessions = async () => (await lab.vcenterControl<{ sessions: unknown[] }>('GET', '/state')).sessions.length

t.test('before there are settings, both sides say so', async t => {
  const { connections } = await applianceParts(t)
  await t.rejects(connections.vcenter(), { code: 'NOT_CONFIGURED', message: /vCenter/ })
  await t.rejects(connections.aws(), { code: 'NOT_CONFIGURED', message: /AWS/ })
})

t.test('settings that work are kept, and used again by the next start', async t => {
  const parts = await applianceParts(t)
  const { connections, store } = parts
  const proof = await connections.changeVcenter(vcenterSettings(lab), password)
  t.match(proof, { version: /^\d/, instanceUuid: /^[0-9a-f-]{36}$/, missingPrivileges: [] })
  const identity = await connections.changeAws(awsSettings(lab), awsSecret(lab))
  t.match(identity, { accountId: lab.aws.accountId, partition: 'aws', arn: /:user\/connector$/ })
  t.same(await store.settings.getVcenter(), vcenterSettings(lab))
  t.same(await store.settings.getAws(), awsSettings(lab))
  const first = await connections.vcenter()
  t.equal(await connections.vcenter(), first, 'one session for all')
  await connections.close()
  t.not(await connections.vcenter(), first)
  await connections.aws()
})

t.test('privileges that the account lacks are named', async t => {
  const { connections } = await applianceParts(t)
  const poor = await startLab({
    aws: false,
    config: { denyPrivileges: { 'hoist@vsphere.local': ['VApp.Export', 'Extension.Register'] } },
  })
  t.teardown(() => poor.stop())
  const proof = await connections.changeVcenter(vcenterSettings(poor), poor.vcenter.connector.password)
  t.same(proof.missingPrivileges, ['VApp.Export', 'Extension.Register'])
})

t.test('settings that do not work leave the former ones in use, secret and all', async t => {
  const parts = await applianceParts(t)
  const { connections, store } = parts
  await connectBoth(lab, parts)
  const session = await connections.vcenter()
  const open = await sessions()
  const wrongVcenter = [
    connections.changeVcenter(vcenterSettings(lab), 'wrong'),
    connections.changeVcenter({ ...vcenterSettings(lab), host: 'no-such-host.invalid' }, 'other'),
  ]
  const [password1, host1] = await Promise.allSettled(wrongVcenter)
  t.match(password1, { status: 'rejected', reason: { code: 'VCENTER_LOGIN_FAILED' } })
  t.match(host1, { status: 'rejected', reason: { code: 'VCENTER_UNREACHABLE' } })
  await t.rejects(connections.changeAws(awsSettings(lab), { secretAccessKey: 'x'.repeat(40), sessionToken: 'token' }), {
    code: 'AWS_CREDENTIALS_INVALID',
  })
  t.same(await store.settings.getVcenter(), vcenterSettings(lab))
  t.equal(await store.secrets.get('vcenter.password'), password)
  t.equal(await store.secrets.get('aws.secretAccessKey'), lab.aws.connector.secretAccessKey)
  t.equal(await store.secrets.get('aws.sessionToken'), undefined)
  t.equal(await connections.vcenter(), session)
  t.equal(await sessions(), open, 'no session of a refused attempt is left in vCenter')
})

t.test('when the settings cannot be written, the secrets stay as they were', async t => {
  const parts = await applianceParts(t)
  const { connections, store } = parts
  await connectBoth(lab, parts)
  const full = async () => {
    throw new Error('disk full')
  }
  Object.assign(store.settings, { setVcenter: full, setAws: full })
  const { admin } = lab.vcenter
  const other = { ...vcenterSettings(lab), username: admin.username }
  await t.rejects(connections.changeVcenter(other, admin.password), /disk full/)
  t.equal(await store.secrets.get('vcenter.password'), password)
  const adminKey = { secretAccessKey: lab.aws.admin.secretAccessKey }
  await t.rejects(connections.changeAws(awsSettings(lab, lab.aws.admin), adminKey), /disk full/)
  t.equal(await store.secrets.get('aws.secretAccessKey'), lab.aws.connector.secretAccessKey)
  t.equal(await store.secrets.get('aws.sessionToken'), undefined)
})

t.test('a replaced session is closed at once, but for work under way when that has ended', async t => {
  const parts = await applianceParts(t)
  const { connections } = parts
  await connectBoth(lab, parts)
  const before = await sessions()
  const former = await connections.vcenter()
  const working = Promise.withResolvers<void>()
  const work = connections.during(async () => {
    await working.promise
    await former.call('CurrentTime', { _this: reference('ServiceInstance', 'ServiceInstance') })
  })
  await connections.changeVcenter(vcenterSettings(lab), password)
  t.equal(await sessions(), before + 1, 'the work still has its own')
  working.resolve()
  await work
  await connections.close()
  t.equal(await sessions(), before - 1)
})

t.test('an open that fails late does not take the place of newer settings', async t => {
  const parts = await applianceParts(t)
  const { connections, store } = parts
  await connectBoth(lab, parts)
  await connections.close()
  await store.secrets.set('vcenter.password', 'wrong by hand')
  const late = connections.vcenter()
  await Promise.all([
    t.rejects(late, { code: 'VCENTER_LOGIN_FAILED' }),
    connections.changeVcenter(vcenterSettings(lab), password),
  ])
  const session = await connections.vcenter()
  t.equal(await connections.vcenter(), session)
})
