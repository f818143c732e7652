// Images, snapshots and tags of EC2 as boto3 sees them: happy paths, and each refusal of AWS.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { guestDisk, makeVmdk, startTestBed } from './test-bed.ts'

const bed = await startTestBed()
t.teardown(() => bed[Symbol.asyncDispose]())
await bed.putObject('disk.vmdk', await readFile(await makeVmdk(bed.directory, 'disk', guestDisk('Linux'))))

t.test('RegisterImage makes an image of snapshots, with what the caller sets', async t => {
  const answer = await bed.python(`
ec2 = client('ec2')
s = import_snapshot(ec2, 'disk.vmdk')
made = ec2.register_image(Name='web01 run-1', Description='d', Architecture='x86_64', VirtualizationType='hvm', RootDeviceName='/dev/sda1', EnaSupport=True, BootMode='uefi',
    TpmSupport='v2.0', ImdsSupport='v2.0', TagSpecifications=[{'ResourceType': 'image', 'Tags': [{'Key': 'hoist:run', 'Value': '1'}]}],
    BlockDeviceMappings=[{'DeviceName': '/dev/sda1', 'Ebs': {'SnapshotId': s, 'VolumeType': 'gp3', 'VolumeSize': 9}}, {'DeviceName': '/dev/sdf', 'Ebs': {'SnapshotId': s}}])['ImageId']
image = ec2.describe_images(Filters=[{'Name': 'tag:hoist:run', 'Values': ['1']}, {'Name': 'name', 'Values': ['web*']}], Owners=['self'])['Images'][0]
duplicate = refused(ec2.register_image, Name='web01 run-1', RootDeviceName='/dev/sda1', BlockDeviceMappings=[{'DeviceName': '/dev/sda1', 'Ebs': {'SnapshotId': s}}])
inUse = refused(ec2.delete_snapshot, SnapshotId=s)
ec2.deregister_image(ImageId=made)
gone = refused(ec2.describe_images, ImageIds=[made])
ec2.delete_snapshot(SnapshotId=s)
give(made=made, image=image, duplicate=duplicate, inUse=inUse, gone=gone, deleted=refused(ec2.describe_snapshots, SnapshotIds=[s]))
`)
  t.match(answer, {
    image: {
      ImageId: answer.made,
      State: 'available',
      BootMode: 'uefi',
      TpmSupport: 'v2.0',
      ImdsSupport: 'v2.0',
      EnaSupport: true,
      Architecture: 'x86_64',
      VirtualizationType: 'hvm',
      Tags: [{ Key: 'hoist:run', Value: '1' }],
      BlockDeviceMappings: [
        {
          DeviceName: '/dev/sda1',
          Ebs: { VolumeSize: 9, VolumeType: 'gp3', Encrypted: false, DeleteOnTermination: true },
        },
        { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } },
      ],
    },
    duplicate: { code: 'InvalidAMIName.Duplicate' },
    inUse: { code: 'InvalidSnapshot.InUse' },
    gone: { code: 'InvalidAMIID.Unavailable' },
    deleted: { code: 'InvalidSnapshot.NotFound' },
  })
})

t.test('RegisterImage has the defaults of AWS, and refuses what AWS refuses', async t => {
  const answer = await bed.python(`
ec2 = client('ec2')
s = import_snapshot(ec2, 'disk.vmdk')
pending = client('ebs').start_snapshot(VolumeSize=1)['SnapshotId']
def mapping(**ebs): return [{'DeviceName': '/dev/sda1', 'Ebs': ebs}]
def register(**kw):
    args = dict(Name='refused', RootDeviceName='/dev/sda1', VirtualizationType='hvm', Architecture='x86_64', BlockDeviceMappings=mapping(SnapshotId=s)); args.update(kw)
    return refused(ec2.register_image, **{k: v for k, v in args.items() if v is not None})
plain = ec2.register_image(Name='defaults', RootDeviceName='/dev/sda1', BlockDeviceMappings=mapping(SnapshotId=s))['ImageId']
give(plain=ec2.describe_images(ImageIds=[plain])['Images'][0], codes=dict(
  absent=register(BlockDeviceMappings=mapping(SnapshotId='snap-00000000000000000')),
  malformed=register(BlockDeviceMappings=mapping(SnapshotId='snap-xyz')),
  pending=register(BlockDeviceMappings=mapping(SnapshotId=pending)),
  encrypted=register(BlockDeviceMappings=mapping(SnapshotId=s, Encrypted=True)),
  small=register(BlockDeviceMappings=mapping(SnapshotId=s, VolumeSize=0)),
  root=register(RootDeviceName='/dev/xvda'), noRoot=register(RootDeviceName=None),
  twice=register(BlockDeviceMappings=mapping(SnapshotId=s) * 2),
  tpmBios=register(TpmSupport='v2.0', BootMode='legacy-bios'), tpmNone=register(TpmSupport='v2.0'),
  boot=register(BootMode='bios'), pvBoot=register(VirtualizationType=None, BootMode='uefi'), pvEna=register(VirtualizationType='paravirtual', EnaSupport=True),
  i386=register(Architecture=None, BootMode='uefi'), name=register(Name='a:b'),
  tag=register(TagSpecifications=[{'ResourceType': 'snapshot', 'Tags': [{'Key': 'a', 'Value': 'b'}]}])))
`)
  t.match(answer.plain, { Architecture: 'i386', VirtualizationType: 'paravirtual' })
  t.notMatch(answer.plain, { EnaSupport: true })
  const codes = Object.fromEntries(
    Object.entries(answer.codes as Record<string, { code: string }>).map(([k, v]) => [k, v.code]),
  )
  t.strictSame(codes, {
    absent: 'InvalidSnapshot.NotFound',
    malformed: 'InvalidParameterValue',
    pending: 'IncorrectState',
    encrypted: 'InvalidBlockDeviceMapping',
    small: 'InvalidBlockDeviceMapping',
    root: 'InvalidBlockDeviceMapping',
    noRoot: 'MissingParameter',
    twice: 'InvalidBlockDeviceMapping',
    tpmBios: 'InvalidParameterCombination',
    tpmNone: 'InvalidParameterCombination',
    boot: 'InvalidParameterValue',
    pvBoot: 'InvalidParameterCombination',
    pvEna: 'InvalidParameterCombination',
    i386: 'InvalidParameterCombination',
    name: 'InvalidAMIName.Malformed',
    tag: 'InvalidParameterValue',
  })
})

t.test('every operation knows a dry run', async t => {
  const { codes } = await bed.python(`
ec2 = client('ec2')
s = import_snapshot(ec2, 'disk.vmdk')
image = ec2.register_image(Name='dry', RootDeviceName='/dev/sda1', BlockDeviceMappings=[{'DeviceName': '/dev/sda1', 'Ebs': {'SnapshotId': s}}])['ImageId']
disk = {'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': 'disk.vmdk'}}
task = ec2.import_snapshot(DiskContainer=disk)['ImportTaskId']
calls = [(ec2.import_snapshot, dict(DiskContainer=disk)), (ec2.describe_import_snapshot_tasks, {}), (ec2.import_image, dict(DiskContainers=[disk])), (ec2.describe_import_image_tasks, {}),
  (ec2.cancel_import_task, dict(ImportTaskId=task)), (ec2.describe_snapshots, {}), (ec2.copy_snapshot, dict(SourceRegion=V['region'], SourceSnapshotId=s)), (ec2.delete_snapshot, dict(SnapshotId=s)),
  (ec2.create_tags, dict(Resources=[s], Tags=[{'Key': 'a', 'Value': 'b'}])), (ec2.delete_tags, dict(Resources=[s])), (ec2.describe_tags, {}),
  (ec2.register_image, dict(Name='nnn')), (ec2.describe_images, {}), (ec2.deregister_image, dict(ImageId=image)),
  (ec2.get_ebs_encryption_by_default, {}), (ec2.enable_ebs_encryption_by_default, {}), (ec2.disable_ebs_encryption_by_default, {}), (ec2.get_ebs_default_kms_key_id, {}), (ec2.describe_regions, {})]
codes = [refused(f, DryRun=True, **kw) for f, kw in calls]
denied = [refused(getattr(client('ec2', 'connector'), f.__name__), DryRun=True, **kw)['code'] for f, kw in calls]
assert not ec2.describe_tags(Filters=[{'Name': 'resource-id', 'Values': [s]}])['Tags'] and not ec2.get_ebs_encryption_by_default()['EbsEncryptionByDefault']
ec2.describe_snapshots(SnapshotIds=[s]); ec2.describe_images(ImageIds=[image])
give(codes=sorted({(c['code'], c['status'], c['message']) for c in codes} | {(d, 0, '') for d in denied}))
`)
  t.strictSame(codes, [
    ['DryRunOperation', 412, 'Request would have succeeded, but DryRun flag is set.'],
    ['UnauthorizedOperation', 0, ''],
  ])
})

t.test('CopySnapshot copies bytes, encrypts where asked, and outlives its source', async t => {
  const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
s = import_snapshot(ec2, 'disk.vmdk')
bytes_ = read_blocks(ebs, s)
c = ec2.copy_snapshot(SourceRegion=V['region'], SourceSnapshotId=s, Encrypted=True, Description='copy', TagSpecifications=[{'ResourceType': 'snapshot', 'Tags': [{'Key': 'x', 'Value': 'y'}]}])['SnapshotId']
first = ec2.describe_snapshots(SnapshotIds=[c])['Snapshots'][0]
snapshot_done(ec2, c)
ec2.delete_snapshot(SnapshotId=s)
again = ec2.copy_snapshot(SourceRegion=V['region'], SourceSnapshotId=c)['SnapshotId']
give(first=first, same=read_blocks(ebs, c) == bytes_, again=ec2.describe_snapshots(SnapshotIds=[again])['Snapshots'][0],
  off=refused(ec2.copy_snapshot, SourceRegion=V['region'], SourceSnapshotId=c, Encrypted=False), key=refused(ec2.copy_snapshot, SourceRegion=V['region'], SourceSnapshotId=c, KmsKeyId='alias/aws/ebs'),
  region=refused(ec2.copy_snapshot, SourceRegion='us-east-1', SourceSnapshotId=c), pending=refused(ec2.copy_snapshot, SourceRegion=V['region'], SourceSnapshotId=ebs.start_snapshot(VolumeSize=1)['SnapshotId']))
`)
  t.match(answer, {
    first: { State: 'pending', Encrypted: true, Description: 'copy', Tags: [{ Key: 'x', Value: 'y' }] },
    same: true,
    again: { Encrypted: true },
    off: { code: 'InvalidParameterValue' },
    key: { code: 'InvalidParameterDependency' },
    region: { code: 'InvalidParameterValue' },
    pending: { code: 'IncorrectState' },
  })
})

t.test('tags are set, overwritten, filtered and removed, within the limits of AWS', async t => {
  const answer = await bed.python(`
ec2 = client('ec2')
s = import_snapshot(ec2, 'disk.vmdk')
ec2.create_tags(Resources=[s], Tags=[{'Key': 'a', 'Value': '1'}, {'Key': 'b', 'Value': 'two <&> "quoted"'}])
ec2.create_tags(Resources=[s], Tags=[{'Key': 'a', 'Value': '3'}])
tags = ec2.describe_tags(Filters=[{'Name': 'resource-id', 'Values': [s]}])['Tags']
found = [len(ec2.describe_snapshots(Filters=f)['Snapshots']) for f in ([{'Name': 'tag:a', 'Values': ['3']}], [{'Name': 'tag:a', 'Values': ['1']}], [{'Name': 'tag-key', 'Values': ['b']}], [{'Name': 'snapshot-id', 'Values': ['snap-?' + s[6:-1] + '*']}])]
ec2.delete_tags(Resources=[s], Tags=[{'Key': 'a', 'Value': 'other'}, {'Key': 'b'}])
left = ec2.describe_tags(Filters=[{'Name': 'resource-id', 'Values': [s]}])['Tags']
give(tags=tags, found=found, left=left, reserved=refused(ec2.create_tags, Resources=[s], Tags=[{'Key': 'aws:x', 'Value': 'y'}]),
  many=refused(ec2.create_tags, Resources=[s], Tags=[{'Key': str(i), 'Value': ''} for i in range(60)]),
  absent=refused(ec2.create_tags, Resources=['ami-00000000000000000'], Tags=[{'Key': 'x', 'Value': 'y'}]),
  filter=refused(ec2.describe_snapshots, Filters=[{'Name': 'colour', 'Values': ['red']}]))
`)
  t.match(answer, {
    tags: [
      { Key: 'a', Value: '3', ResourceType: 'snapshot' },
      { Key: 'b', Value: 'two <&> "quoted"' },
    ],
    found: [1, 0, 1, 1],
    left: [{ Key: 'a', Value: '3' }],
    reserved: { code: 'InvalidParameterValue' },
    many: { code: 'TagLimitExceeded' },
    absent: { code: 'InvalidAMIID.NotFound' },
    filter: { code: 'InvalidParameterValue', message: "The filter 'colour' is invalid" },
  })
})

t.test('lists come in pages', async t => {
  const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
made = {ebs.start_snapshot(VolumeSize=1, Tags=[{'Key': 'page', 'Value': 'p'}])['SnapshotId'] for _ in range(7)}
pages = list(ec2.get_paginator('describe_snapshots').paginate(Filters=[{'Name': 'tag:page', 'Values': ['p']}], PaginationConfig={'PageSize': 5}))
give(sizes=[len(p['Snapshots']) for p in pages], all={s['SnapshotId'] for p in pages for s in p['Snapshots']} == made, small=refused(ec2.describe_snapshots, MaxResults=1),
  both=refused(ec2.describe_snapshots, MaxResults=5, SnapshotIds=list(made)), region=ec2.describe_regions()['Regions'][0]['RegionName'], other=refused(ec2.describe_regions, RegionNames=['us-east-1']))
`)
  t.match(answer, {
    sizes: [5, 2],
    all: true,
    small: { code: 'InvalidParameterValue' },
    both: { code: 'InvalidParameterCombination' },
    region: 'eu-central-1',
    other: { code: 'InvalidParameterValue' },
  })
})
