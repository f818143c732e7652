// Registration with both sides: whole, repaired, taken back, and never half.
import t from 'tap'
import {
  ensureConnector,
  forgetOtherAccount,
  forgetOtherVcenter,
  newConnector,
  registerConnector,
  unregisterConnector,
} from '../../appliance/setup/registration.ts'
import { findExtension, unregisterExtension } from '../../appliance/vsphere/extension.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, connectBoth, type Parts } from './appliance-parts.ts'

const lab = await startLab()
t.teardown(() => lab.stop())
const never = new AbortController().signal
const ourBuckets = async () => Object.keys(await lab.awsControl<Record<string, string>>('GET', '/buckets')).sort()
const fault = (operation: string) =>
  lab.awsControl('POST', '/faults', {
    service: 's3',
    operation,
    kind: 'error',
    code: 'AccessDenied',
    message: 'Access Denied',
    statusCode: 403,
  })

async function ready(t: Parameters<typeof applianceParts>[0]) {
  const parts = await applianceParts(t)
  await connectBoth(lab, parts)
  const { store, connections } = parts
  // The one of the test before: a connector leaves it alone.
  await unregisterExtension(await connections.vcenter(), { signal: never })
  return {
    ...parts,
    register: () => registerConnector(store.settings, connections, '1.2.3', never),
    extension: async () => await findExtension(await connections.vcenter()),
  }
}

t.test('the connector has one identity, made once', async t => {
  const { store } = await applianceParts(t)
  const made = await ensureConnector(store.settings)
  t.match(made.id, /^[0-9a-f]{12}$/)
  t.equal(made.mark, 0)
  t.same(await ensureConnector(store.settings), made)
  t.not(newConnector().id, newConnector().id)
})

t.test('without settings nothing is made', async t => {
  const { store, connections }: Parts = await applianceParts(t)
  await t.rejects(registerConnector(store.settings, connections, '1', never), { code: 'NOT_CONFIGURED' })
  await t.rejects(unregisterConnector(store.settings, connections, never), { code: 'NOT_CONFIGURED' })
})

t.test('a registration stands on both sides; once more changes nothing but the version', async t => {
  const { register, extension, store, connections } = await ready(t)
  const before = await ourBuckets()
  const connector = await register()
  t.match(connector, { bucket: /^hoist-/, awsAccountId: lab.aws.accountId, bucketRegion: lab.aws.region })
  t.equal(connector.vcenterInstanceUuid, (await connections.vcenter()).about.instanceUuid)
  t.same(await ourBuckets(), [...before, connector.bucket].sort())
  t.match(await extension(), { connectorId: connector.id, version: '1.2.3' })
  t.same(await registerConnector(store.settings, connections, '1.2.4', never), connector)
  t.match(await extension(), { connectorId: connector.id, version: '1.2.4' })
  t.equal((await ourBuckets()).length, before.length + 1)

  t.comment('unregistering takes the extension away and keeps the bucket for the next registration')
  const left = await unregisterConnector(store.settings, connections, never)
  t.equal(left.vcenterInstanceUuid, undefined)
  t.equal(await extension(), undefined)
  t.same(await unregisterConnector(store.settings, connections, never), left, 'twice is fine')
  t.same(await register(), connector)
})

for (const operation of [
  'CreateBucket',
  // New buckets have these two: they are looked at, not set.
  'GetPublicAccessBlock',
  'GetBucketEncryption',
  'PutBucketPolicy',
  'PutBucketLifecycleConfiguration',
  'PutBucketTagging',
]) {
  t.test(`a registration that fails at ${operation} leaves nothing, and the next makes one bucket`, async t => {
    const { register, extension, store } = await ready(t)
    const before = await ourBuckets()
    await fault(operation)
    await t.rejects(register(), { code: 'AWS_PERMISSION_MISSING', message: /s3:/, hint: /policy/ })
    t.same(await ourBuckets(), before, 'no bucket is left')
    t.equal(await extension(), undefined)
    const noted = await store.settings.getConnector()
    t.equal(noted?.vcenterInstanceUuid, undefined)
    const connector = await register()
    t.equal(connector.bucket, noted?.bucket ?? connector.bucket, 'under the name that was noted')
    t.same(await ourBuckets(), [...before, connector.bucket].sort())
  })
}

t.test("unregistering leaves another connector's extension alone", async t => {
  const first = await ready(t)
  await first.register()
  const second = await applianceParts(t)
  await connectBoth(lab, second)
  await unregisterConnector(second.store.settings, second.connections, never)
  t.match(await first.extension(), { connectorId: (await ensureConnector(first.store.settings)).id })
})

t.test('when vCenter refuses the extension, the next registration takes the same bucket', async t => {
  const { register, extension, store } = await ready(t)
  const before = await ourBuckets()
  await lab.vcenterControl('POST', '/faults', { kind: 'soap', method: 'RegisterExtension', fault: 'NoPermission' })
  await t.rejects(register(), { code: 'VCENTER_PERMISSION_MISSING' })
  t.equal((await store.settings.getConnector())?.vcenterInstanceUuid, undefined)
  t.equal(await extension(), undefined)
  const { bucket } = await register()
  t.same(await ourBuckets(), [...before, bucket].sort())
})

t.test('a missing import role, and one with the wrong trust, are refused before anything is made', async t => {
  const { register, extension, store, connections } = await ready(t)
  await unregisterConnector(store.settings, connections, never)
  t.teardown(() => lab.awsControl('POST', '/roles/vmimport', {}))
  const before = await ourBuckets()
  await lab.awsControl('DELETE', '/roles/vmimport')
  await t.rejects(register(), { code: 'IMPORT_ROLE_MISSING', message: /vmimport/, hint: /policies/ })
  const trust = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  }
  await lab.awsControl('POST', '/roles/vmimport', { trust })
  await t.rejects(register(), { code: 'IMPORT_ROLE_UNTRUSTED', hint: /vmie\.amazonaws\.com/ })
  t.same(await ourBuckets(), before)
  t.equal(await extension(), undefined)
  t.equal((await store.settings.getConnector())?.bucket, undefined)
})

t.test("a noted bucket that is another account's now is refused, and stays untouched", async t => {
  const { register, extension, store, connections } = await ready(t)
  await unregisterConnector(store.settings, connections, never)
  const name = `hoist-taken-${(await ensureConnector(store.settings)).id}`
  const connector = await ensureConnector(store.settings)
  const { region, accountId } = lab.aws
  await store.settings.setConnector({ ...connector, bucket: name, bucketRegion: region, awsAccountId: accountId })
  await lab.awsControl('POST', '/accounts/999999999999/buckets', { name })
  await t.rejects(register(), { code: 'BUCKET_FOREIGN', message: new RegExp(name) })
  t.equal(await extension(), undefined)
  const writes = await lab.awsControl<{ operation: string; path: string; status: number }[]>('GET', '/requests')
  t.same(
    writes.filter(({ path, status }) => path.startsWith(`/${name}`) && status < 300),
    [],
  )
})

t.test('another vCenter, account or Region makes the registration none', async t => {
  const { store } = await applianceParts(t)
  const { settings } = store
  const { id, generation } = await ensureConnector(settings)
  const registered = {
    id,
    mark: 0,
    generation,
    bucket: 'b',
    bucketRegion: 'r',
    awsAccountId: '1',
    vcenterInstanceUuid: 'u',
  }
  await settings.setConnector(registered)
  await forgetOtherVcenter(settings, 'u')
  await forgetOtherAccount(settings, '1', 'r')
  t.same(await settings.getConnector(), registered)
  await forgetOtherAccount(settings, '2', 'r')
  t.same(await settings.getConnector(), { id, mark: 0, generation, vcenterInstanceUuid: 'u' })
  await settings.setConnector(registered)
  await forgetOtherAccount(settings, '1', 'other')
  t.same(await settings.getConnector(), { id, mark: 0, generation, vcenterInstanceUuid: 'u' })
  await forgetOtherVcenter(settings, 'other')
  t.same(await settings.getConnector(), { id, mark: 0, generation })
})
