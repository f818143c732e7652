// VM Import as boto3 sees it: ImportSnapshot and ImportImage, their tasks, their refusals.
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { guestDisk, makeVmdk, startTestBed } from './test-bed.ts'

const bed = await startTestBed({ quotas: { importSnapshotTasks: 2 } })
t.teardown(() => bed[Symbol.asyncDispose]())

const sizeBytes = 3 * 1024 ** 2 + 512
const content = Buffer.alloc(sizeBytes)
for (let at = 0; at < 600_000; at++) content[at] = (at * 31) % 251
content.fill('tail', sizeBytes - 512)
const vmdk = await readFile(await makeVmdk(bed.directory, 'disk', content))
await bed.putObject('disk.vmdk', vmdk)
for (const system of ['Windows', 'Linux', 'nothing'] as const) {
  await bed.putObject(`${system}.vmdk`, await readFile(await makeVmdk(bed.directory, system, guestDisk(system))))
}

t.test('a streamOptimized VMDK becomes a snapshot with the same bytes, padded with zeros to whole GiB', async t => {
  const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
start = ec2.import_snapshot(Description='web01 disk 1', DiskContainer={'Format': 'VMDK', 'Description': 'disk', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}},
    TagSpecifications=[{'ResourceType': 'import-snapshot-task', 'Tags': [{'Key': 'hoist:run', 'Value': 'r 1 & 2'}]}])
done = import_done(ec2, start['ImportTaskId'])
snapshot = done['SnapshotTaskDetail']['SnapshotId']
record = ec2.describe_snapshots(SnapshotIds=[snapshot])['Snapshots'][0]
give(start=start, done=done, record=record, sha=hashlib.sha256(read(ebs, snapshot)).hexdigest(),
    blocks=[b['BlockIndex'] for b in blocks(ebs, snapshot)[0]], tags=ec2.describe_tags(Filters=[{'Name': 'resource-type', 'Values': ['import-snapshot-task']}])['Tags'])
`)
  const padded = Buffer.alloc(1024 ** 3)
  content.copy(padded)
  t.equal(answer.sha, createHash('sha256').update(padded).digest('hex'))
  t.match(answer, {
    start: {
      SnapshotTaskDetail: { Status: 'active', StatusMessage: 'pending', Format: 'VMDK' },
      Tags: [{ Key: 'hoist:run', Value: 'r 1 & 2' }],
    },
    done: {
      SnapshotTaskDetail: { Status: 'completed', DiskImageSize: vmdk.length, UserBucket: { S3Key: 'disk.vmdk' } },
    },
    record: { State: 'completed', VolumeSize: 1, Encrypted: false, Progress: '100%', OwnerId: '111122223333' },
    blocks: [0, 1, 6],
    tags: [{ Key: 'hoist:run', Value: 'r 1 & 2', ResourceType: 'import-snapshot-task' }],
  })
  t.notOk((answer.record as { Tags?: unknown[] }).Tags?.length, 'the tags of the call are on the task only')
  const { file } = await bed.control('GET', `/snapshots/${(answer.record as { SnapshotId: string }).SnapshotId}/file`)
  t.equal(
    createHash('sha256')
      .update(await readFile(String(file)))
      .digest('hex'),
    answer.sha,
  )
})

t.test('a task goes through the stages of AWS in their order', async t => {
  await bed.control('POST', '/tasks', { stepMs: 250 })
  t.teardown(() => bed.control('POST', '/tasks', { stepMs: 20 }))
  const { seen } = await bed.python(`
ec2 = client('ec2')
task = ec2.import_snapshot(DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}})['ImportTaskId']
seen = []
def check():
    d = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])['ImportSnapshotTasks'][0]['SnapshotTaskDetail']
    word = d.get('StatusMessage', d['Status'])
    if not seen or seen[-1] != word: seen.append(word)
    return d['Status'] == 'completed'
wait(check)
give(seen=seen)
`)
  t.strictSame(seen, ['pending', 'validating', 'validated', 'converting', 'completed'])
})

t.test(
  'a disk that cannot be decoded fails as AWS fails: deleting, deleted, with the reason, and no snapshot',
  async t => {
    const broken = Buffer.from(vmdk)
    broken.fill(0x5a, 66_000, 66_200)
    await bed.putObject('short.vmdk', vmdk.subarray(0, vmdk.length >> 1))
    await bed.putObject('broken.vmdk', broken)
    await bed.putObject(
      'flat.vmdk',
      await readFile(await makeVmdk(bed.directory, 'sparse', content, 'monolithicSparse')),
    )
    const answer = await bed.python(`
ec2 = client('ec2')
before = len(ec2.describe_snapshots(OwnerIds=['self'])['Snapshots'])
texts = {}
for key in ['short.vmdk', 'broken.vmdk', 'flat.vmdk', 'missing.vmdk']:
    task = ec2.import_snapshot(DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': key}})
    d = import_done(ec2, task['ImportTaskId'])['SnapshotTaskDetail']
    assert d['Status'] == 'deleted' and 'SnapshotId' not in d, d
    texts[key] = d['StatusMessage']
give(texts=texts, grown=len(ec2.describe_snapshots(OwnerIds=['self'])['Snapshots']) - before)
`)
    t.match(answer, {
      texts: {
        'short.vmdk': /^ClientError: Disk validation failed \[.+\]$/,
        'broken.vmdk': /^ClientError: Disk validation failed \[.+\]$/,
        'flat.vmdk': /Unsupported VMDK File Format/,
        'missing.vmdk': /Disk validation failed \[We do not have access to the given resource. Reason 404 Not Found\]/,
      },
      grown: 0,
    })
  },
)

t.test('a bucket of another account is 403 to VM Import', async t => {
  await bed.control('POST', '/buckets', { name: 'hoist-test-0', owner: '999999999999' })
  t.teardown(() => bed.control('POST', '/buckets', { name: 'hoist-test-0' }))
  const { text } = await bed.python(`
ec2 = client('ec2')
task = ec2.import_snapshot(DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}})
give(text=import_done(ec2, task['ImportTaskId'])['SnapshotTaskDetail']['StatusMessage'])
`)
  t.match(text, /Reason 403 Forbidden/)
})

t.test('the next import fails when the control port says so, and only that one', async t => {
  await bed.control('POST', '/imports', { next: { fail: 'ClientError: Unsupported kernel version' } })
  const answer = await bed.python(`
ec2 = client('ec2')
def once():
    task = ec2.import_snapshot(DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}})
    return import_done(ec2, task['ImportTaskId'])['SnapshotTaskDetail']
give(first=once(), second=once())
`)
  t.match(answer, {
    first: { Status: 'deleted', StatusMessage: 'ClientError: Unsupported kernel version' },
    second: { Status: 'completed' },
  })
})

t.test('without a fit role vmimport the call is refused', async t => {
  const disk = `DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}}`
  const attempt = async () => (await bed.python(`give(e=refused(client('ec2').import_snapshot, ${disk}))`)).e
  const unfit = {
    code: 'InvalidParameter',
    message: 'The service role vmimport provided does not exist or does not have sufficient permissions',
    status: 400,
  }
  t.teardown(() => bed.control('POST', '/roles/vmimport', {}))
  await bed.control('DELETE', '/roles/vmimport')
  t.match(await attempt(), unfit, 'no role')
  await bed.control('POST', '/roles/vmimport', {
    trust: { Statement: [{ Effect: 'Allow', Principal: { Service: 'vmie.amazonaws.com' }, Action: 'sts:AssumeRole' }] },
  })
  t.match(await attempt(), unfit, 'a trust without the external id')
  await bed.control('POST', '/roles/vmimport', {
    policy: {
      Statement: [
        {
          Effect: 'Allow',
          Action: ['s3:*', 'ec2:*'],
          Resource: ['arn:aws:s3:::other', 'arn:aws:s3:::other/*', '*'].slice(0, 2),
        },
      ],
    },
  })
  t.match(await attempt(), unfit, 'a policy for another bucket')
  t.match((await bed.python(`give(e=refused(client('ec2').import_snapshot, RoleName='nobody', ${disk}))`)).e, {
    message: /The service role nobody provided/,
  })
})

t.test('a client token makes the call idempotent, and holds it to its parameters', async t => {
  const answer = await bed.python(`
ec2 = client('ec2')
disk = {'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}}
first = ec2.import_snapshot(ClientToken='t1', DiskContainer=disk)['ImportTaskId']
second = ec2.import_snapshot(ClientToken='t1', DiskContainer=disk)['ImportTaskId']
other = refused(ec2.import_snapshot, ClientToken='t1', Description='else', DiskContainer=disk)
import_done(ec2, first)
give(first=first, second=second, other=other)
`)
  t.equal(answer.first, answer.second)
  t.match(answer.other, { code: 'IdempotentParameterMismatch' })
})

t.test('more tasks at once than the quota are refused, and a cancelled one makes room', async t => {
  await bed.control('POST', '/tasks', { stepMs: 60_000 })
  t.teardown(() => bed.control('POST', '/tasks', { stepMs: 20 }))
  const answer = await bed.python(`
ec2 = client('ec2')
disk = {'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}}
tasks = [ec2.import_snapshot(DiskContainer=disk)['ImportTaskId'] for _ in range(2)]
third = refused(ec2.import_snapshot, DiskContainer=disk)
cancelled = ec2.cancel_import_task(ImportTaskId=tasks[0], CancelReason='enough')
tasks.append(ec2.import_snapshot(DiskContainer=disk)['ImportTaskId'])
time.sleep(0.1)
state = ec2.describe_import_snapshot_tasks(ImportTaskIds=[tasks[0]])['ImportSnapshotTasks'][0]['SnapshotTaskDetail']
for task in tasks[1:]: ec2.cancel_import_task(ImportTaskId=task)
give(third=third, cancelled=cancelled, state=state, again=refused(ec2.cancel_import_task, ImportTaskId=tasks[0]))
`)
  t.match(answer, {
    third: { code: 'ResourceCountLimitExceeded' },
    cancelled: { PreviousState: 'active', State: 'deleting' },
    state: { Status: 'deleting', StatusMessage: 'enough' },
    again: { code: 'IncorrectState' },
  })
})

t.test('encryption: by the call, by the account, with a key that must be there', async t => {
  const answer = await bed.python(`
ec2, kms = client('ec2'), client('kms')
key = kms.create_key(Description='hoist')['KeyMetadata']['Arn']
plain = import_snapshot(ec2, 'disk.vmdk', Encrypted=True)
refusals = [refused(import_snapshot, ec2, 'disk.vmdk', KmsKeyId=key), refused(import_snapshot, ec2, 'disk.vmdk', Encrypted=True, KmsKeyId='alias/none')]
task = ec2.import_snapshot(Encrypted=True, KmsKeyId=key, DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}})
denied = import_done(ec2, task['ImportTaskId'])['SnapshotTaskDetail']
client('iam').put_role_policy(RoleName='vmimport', PolicyName='key', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'kms:*', 'Resource': key}]}))
keyed = import_snapshot(ec2, 'disk.vmdk', Encrypted=True, KmsKeyId=key)
assert ec2.enable_ebs_encryption_by_default()['EbsEncryptionByDefault']
byDefault = import_snapshot(ec2, 'disk.vmdk')
assert not ec2.disable_ebs_encryption_by_default()['EbsEncryptionByDefault']
records = {s['SnapshotId']: s for s in ec2.describe_snapshots(SnapshotIds=[plain, keyed, byDefault])['Snapshots']}
give(key=key, own=ec2.get_ebs_default_kms_key_id()['KmsKeyId'], plain=records[plain], keyed=records[keyed], byDefault=records[byDefault], refusals=refusals, denied=denied)
`)
  t.match(answer, {
    plain: { Encrypted: true, KmsKeyId: answer.own },
    keyed: { Encrypted: true, KmsKeyId: answer.key },
    byDefault: { Encrypted: true, KmsKeyId: answer.own },
    refusals: [{ code: 'InvalidParameter' }, { code: 'InvalidParameterValue' }],
    denied: { Status: 'deleted', StatusMessage: /KMS key/ },
  })
})

t.test(
  'ImportImage converts copies of the snapshots, never the snapshots, and makes an image with platform and licence',
  async t => {
    const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
system, data = import_snapshot(ec2, 'Windows.vmdk'), import_snapshot(ec2, 'disk.vmdk')
before = [read_blocks(ebs, s) for s in (system, data)]
task = ec2.import_image(Description='win', Platform='Windows', BootMode='uefi', LicenseType='BYOL', Architecture='x86_64',
    DiskContainers=[{'SnapshotId': system}, {'SnapshotId': data}], TagSpecifications=[{'ResourceType': 'import-image-task', 'Tags': [{'Key': 'a', 'Value': 'b'}]}])
done = image_done(ec2, task['ImportTaskId'])
after = [read_blocks(ebs, s) for s in (system, data)]
copies = [d['SnapshotId'] for d in done['SnapshotDetails']]
image = ec2.describe_images(ImageIds=[done['ImageId']])['Images'][0]
auto = image_done(ec2, ec2.import_image(DiskContainers=[{'SnapshotId': system}])['ImportTaskId'])
inUse = refused(ec2.delete_snapshot, SnapshotId=copies[0])
ec2.delete_snapshot(SnapshotId=system)
still = read_blocks(ebs, copies[0])[1]
give(done=done, image=image, same=before == after, new=not {system, data} & set(copies), marker=still[2047*512-524288:][:60].decode('latin1'), inUse=inUse,
    auto=ec2.describe_images(ImageIds=[auto['ImageId']])['Images'][0], autoTask=auto)
`)
    t.match(answer, {
      done: { Status: 'completed', Platform: 'Windows', LicenseType: 'BYOL', Tags: [{ Key: 'a', Value: 'b' }] },
      image: {
        Platform: 'windows',
        PlatformDetails: 'Windows BYOL',
        UsageOperation: 'RunInstances:0800',
        BootMode: 'uefi',
        Architecture: 'x86_64',
        VirtualizationType: 'hvm',
        EnaSupport: true,
        RootDeviceName: '/dev/sda1',
        BlockDeviceMappings: [{ DeviceName: '/dev/sda1' }, { DeviceName: '/dev/sdb' }],
      },
      same: true,
      new: true,
      marker: /^converted by VM Import import-ami-/,
      inUse: { code: 'InvalidSnapshot.InUse', message: /is currently in use by ami-/ },
      auto: { UsageOperation: 'RunInstances:0002', PlatformDetails: 'Windows', BootMode: 'legacy-bios' },
      autoTask: { LicenseType: 'AWS' },
    })
  },
)

t.test('ImportImage also takes an object, and refuses what AWS refuses', async t => {
  const answer = await bed.python(`
ec2 = client('ec2')
def disks(key): return [{'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': key}}]
def run(key, **kw): return image_done(ec2, ec2.import_image(DiskContainers=disks(key), **kw)['ImportTaskId'])
linux = import_snapshot(ec2, 'Linux.vmdk')
give(
  linux=run('Linux.vmdk', Platform='Linux', LicenseType='BYOL'),
  nothing=run('nothing.vmdk'), mismatch=run('Linux.vmdk', Platform='Windows'),
  aws=refused(ec2.import_image, DiskContainers=disks('Linux.vmdk'), Platform='Linux', LicenseType='AWS'),
  detected=run('Linux.vmdk', LicenseType='AWS'),
  both=refused(ec2.import_image, DiskContainers=disks('Linux.vmdk'), LicenseType='BYOL', UsageOperation='RunInstances'),
  platform=refused(ec2.import_image, DiskContainers=[{'SnapshotId': linux}], BootMode='uefi'),
  absent=refused(ec2.import_image, DiskContainers=[{'SnapshotId': 'snap-00000000000000000'}]),
  none=refused(ec2.import_image, DiskContainers=[]), i386=refused(ec2.import_image, DiskContainers=disks('Linux.vmdk'), Architecture='i386'),
  task=refused(ec2.describe_import_image_tasks, ImportTaskIds=['import-ami-0']))
`)
  t.match(answer, {
    linux: { Status: 'completed', UsageOperation: 'RunInstances', Platform: 'Linux' },
    nothing: { Status: 'deleted', StatusMessage: /No valid partitions/ },
    mismatch: { Status: 'deleted', StatusMessage: /does not match/ },
    aws: { code: 'InvalidParameter' },
    detected: { Status: 'deleted', StatusMessage: /license type AWS/ },
    both: { code: 'InvalidParameterCombination' },
    platform: { code: 'InvalidParameter', message: /Platform/ },
    absent: { code: 'InvalidSnapshot.NotFound' },
    none: { code: 'MissingParameter' },
    i386: { code: 'InvalidParameter' },
    task: { code: 'InvalidConversionTaskId.Malformed' },
  })
})

t.test('GPT disks are recognised too', async t => {
  const disk = guestDisk('Linux')
  disk[450] = 0xee
  disk.write('EFI PART', 512, 'latin1')
  disk.writeBigUInt64LE(2n, 512 + 72)
  disk.writeUInt32LE(128, 512 + 80)
  disk.writeUInt32LE(128, 512 + 84)
  disk.fill(1, 1024, 1040)
  disk.writeBigUInt64LE(2048n, 1024 + 32)
  await writeFile(`${bed.directory}/gpt.img`, disk)
  await bed.putObject('gpt.vmdk', await readFile(await makeVmdk(bed.directory, 'gpt', disk)))
  const { done } = await bed.python(`
ec2 = client('ec2')
give(done=image_done(ec2, ec2.import_image(BootMode='uefi', DiskContainers=[{'Format': 'VMDK', 'Url': 's3://' + V['bucket'] + '/gpt.vmdk'}])['ImportTaskId']))
`)
  t.match(done, { Status: 'completed', Platform: 'Linux' })
})
