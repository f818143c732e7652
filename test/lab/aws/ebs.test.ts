// EBS direct as boto3 sees it: writing, completing, parents, encryption, reading, quotas.
import t from 'tap'
import { startTestBed } from './test-bed.ts'

const bed = await startTestBed({
  quotas: { pendingSnapshots: 30, startCompletePerSecond: 1000 },
  // Long enough for a slow machine to look at a snapshot that is not complete yet.
  timing: { stepMs: 20, settleMs: 0, completeMs: 2000 },
})
t.teardown(() => bed[Symbol.asyncDispose]())

t.test('blocks written come back, zeros where none was written, and a child inherits its parent', async t => {
  const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
a, b, z = b'a' * 524288, bytes(range(256)) * 2048, bytes(524288)
one = ebs.start_snapshot(VolumeSize=1, Description='d', Tags=[{'Key': 'k', 'Value': 'v'}], Timeout=10)
s = one['SnapshotId']
put(ebs, s, 0, b); put(ebs, s, 2047, b); answer = put(ebs, s, 0, a)
done = ebs.complete_snapshot(SnapshotId=s, ChangedBlocksCount=2, Checksum=linear(a, b), ChecksumAlgorithm='SHA256', ChecksumAggregationMethod='LINEAR')
pending = [ec2.describe_snapshots(SnapshotIds=[s])['Snapshots'][0]['State'], refused(ebs.list_snapshot_blocks, SnapshotId=s)]
snapshot_done(ec2, s)
two = ebs.start_snapshot(VolumeSize=2, ParentSnapshotId=s)
c = two['SnapshotId']
put(ebs, c, 2047, z); put(ebs, c, 2048, a); put(ebs, c, 7, b)
ebs.complete_snapshot(SnapshotId=c, ChangedBlocksCount=3); snapshot_done(ec2, c)
changed = ebs.list_changed_blocks(FirstSnapshotId=s, SecondSnapshotId=c)['ChangedBlocks']
ec2.delete_snapshot(SnapshotId=s)
got = read_blocks(ebs, c)
give(one=one, two=two, checksum=answer['Checksum'], done=done['Status'], pending=pending, indexes=sorted(got), right=got[0] == a and got[7] == b and got[2047] == z and got[2048] == a,
  changed=[(x['BlockIndex'], 'FirstBlockToken' in x) for x in changed], record=ec2.describe_snapshots(SnapshotIds=[c])['Snapshots'][0])
`)
  t.match(answer, {
    one: {
      Status: 'pending',
      VolumeSize: 1,
      BlockSize: 524288,
      OwnerId: '111122223333',
      Tags: [{ Key: 'k', Value: 'v' }],
    },
    two: { ParentSnapshotId: (answer.one as { SnapshotId: string }).SnapshotId, VolumeSize: 2 },
    done: 'pending',
    pending: ['pending', { code: 'ValidationException' }],
    indexes: [0, 7, 2047, 2048],
    right: true,
    record: { VolumeSize: 2, State: 'completed' },
  })
  t.strictSame(answer.changed, [
    [7, false],
    [2047, true],
    [2048, false],
  ])
})

t.test('what is not aligned, not whole, not as its checksum says, or not there is refused', async t => {
  const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
a = b'a' * 524288
s = ebs.start_snapshot(VolumeSize=1)['SnapshotId']
wrong = base64.b64encode(hashlib.sha256(b'other').digest()).decode()
codes = dict(
  checksum=refused(put, ebs, s, 0, a, Checksum=wrong), short=refused(put, ebs, s, 0, a[:512], DataLength=512), length=refused(put, ebs, s, 0, a[:-1]),
  index=refused(put, ebs, s, 2048, a), absent=refused(put, ebs, 'snap-00000000000000000', 0, a))
put(ebs, s, 0, a)
codes.update(count=refused(ebs.complete_snapshot, SnapshotId=s, ChangedBlocksCount=2),
  aggregate=refused(ebs.complete_snapshot, SnapshotId=s, ChangedBlocksCount=1, Checksum=wrong, ChecksumAlgorithm='SHA256', ChecksumAggregationMethod='LINEAR'),
  method=refused(ebs.complete_snapshot, SnapshotId=s, ChangedBlocksCount=1, Checksum=linear(a), ChecksumAlgorithm='SHA256'))
ebs.complete_snapshot(SnapshotId=s, ChangedBlocksCount=1)
codes.update(sealed=refused(put, ebs, s, 1, a), size=refused(ebs.start_snapshot, VolumeSize=65537), timeout=refused(ebs.start_snapshot, VolumeSize=1, Timeout=5000))
snapshot_done(ec2, s)
other = ebs.start_snapshot(VolumeSize=1)['SnapshotId']; ebs.complete_snapshot(SnapshotId=other, ChangedBlocksCount=0); snapshot_done(ec2, other)
big = ebs.start_snapshot(VolumeSize=2)['SnapshotId']; ebs.complete_snapshot(SnapshotId=big, ChangedBlocksCount=0); snapshot_done(ec2, big)
token = ebs.list_snapshot_blocks(SnapshotId=s)['Blocks'][0]['BlockToken']
codes.update(unrelated=refused(ebs.list_changed_blocks, FirstSnapshotId=other, SecondSnapshotId=s), first=refused(ebs.list_changed_blocks, SecondSnapshotId=s),
  forged=refused(ebs.get_snapshot_block, SnapshotId=s, BlockIndex=0, BlockToken='AAAA'), elsewhere=refused(ebs.get_snapshot_block, SnapshotId=s, BlockIndex=1, BlockToken=token),
  shrink=refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=big), parent=refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId='snap-00000000000000000'),
  gone=refused(ebs.list_snapshot_blocks, SnapshotId='snap-00000000000000000'))
give(**{k: (v['code'], v['reason']) for k, v in codes.items()})
`)
  t.strictSame(answer, {
    checksum: ['ValidationException', 'INVALID_BLOCK'],
    short: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    length: ['ValidationException', 'INVALID_BLOCK'],
    index: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    absent: ['ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND'],
    count: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    aggregate: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    method: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    sealed: ['ValidationException', 'INVALID_SNAPSHOT_ID'],
    size: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    timeout: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    unrelated: ['ValidationException', 'UNRELATED_SNAPSHOTS'],
    first: ['ValidationException', 'INVALID_PARAMETER_VALUE'],
    forged: ['ValidationException', 'INVALID_BLOCK_TOKEN'],
    elsewhere: ['ValidationException', 'INVALID_BLOCK_TOKEN'],
    shrink: ['ValidationException', 'INVALID_VOLUME_SIZE'],
    parent: ['ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND'],
    gone: ['ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND'],
  })
})

t.test('encryption comes from the first snapshot of a chain, or from the account', async t => {
  const answer = await bed.python(`
ec2, ebs, kms = client('ec2'), client('ebs'), client('kms')
key = kms.create_key()['KeyMetadata']['Arn']
def start(**kw): return ebs.start_snapshot(VolumeSize=1, **kw)
def whole(**kw):
    s = start(**kw)['SnapshotId']; ebs.complete_snapshot(SnapshotId=s, ChangedBlocksCount=0); snapshot_done(ec2, s); return s
plain, keyed = whole(), whole(Encrypted=True, KmsKeyArn=key)
out = dict(key=key, plain=ec2.describe_snapshots(SnapshotIds=[plain])['Snapshots'][0]['Encrypted'], child=start(ParentSnapshotId=keyed).get('KmsKeyArn'), own=start(Encrypted=True).get('KmsKeyArn'),
  aws=ec2.get_ebs_default_kms_key_id()['KmsKeyId'], both=refused(start, ParentSnapshotId=keyed, Encrypted=True), parentKey=refused(start, ParentSnapshotId=keyed, KmsKeyArn=key),
  keyOnly=refused(start, KmsKeyArn=key), badKey=refused(start, Encrypted=True, KmsKeyArn=key[:-1] + 'x'))
ec2.enable_ebs_encryption_by_default()
out.update(refusedParent=refused(start, ParentSnapshotId=plain), refusedPlain=refused(start, Encrypted=False), default=start().get('KmsKeyArn'), keyByDefault=start(KmsKeyArn=key).get('KmsKeyArn'))
copy = ec2.copy_snapshot(SourceRegion=V['region'], SourceSnapshotId=plain)['SnapshotId']; snapshot_done(ec2, copy)
out.update(fromCopy=start(ParentSnapshotId=copy).get('KmsKeyArn'))
ec2.disable_ebs_encryption_by_default()
give(**out)
`)
  const refusal = { code: 'ValidationException' }
  t.match(answer, {
    plain: false,
    child: answer.key,
    own: answer.aws,
    both: refusal,
    parentKey: refusal,
    keyOnly: refusal,
    badKey: { reason: 'INVALID_CUSTOMER_KEY' },
    refusedParent: refusal,
    refusedPlain: refusal,
    default: answer.aws,
    keyByDefault: answer.key,
    fromCopy: answer.aws,
  })
})

t.test('lists come in pages whose tokens are bound and expire', async t => {
  await bed.control('POST', '/timing', { pageTokenMs: 60_000 })
  const answer = await bed.python(`
ec2, ebs = client('ec2'), client('ebs')
s = ebs.start_snapshot(VolumeSize=1)['SnapshotId']
for i in range(0, 500, 2): put(ebs, s, i, bytes([i % 251 + 1]) * 524288)
ebs.complete_snapshot(SnapshotId=s, ChangedBlocksCount=250); snapshot_done(ec2, s)
page = ebs.list_snapshot_blocks(SnapshotId=s, MaxResults=100)
give(all=[b['BlockIndex'] for b in blocks(ebs, s, 100)[0]] == list(range(0, 500, 2)), first=len(page['Blocks']), token=page['NextToken'], s=s,
  start=ebs.list_snapshot_blocks(SnapshotId=s, StartingBlockIndex=401)['Blocks'][0]['BlockIndex'], forged=refused(ebs.list_snapshot_blocks, SnapshotId=s, NextToken='MTIz'))
`)
  t.match(answer, {
    all: true,
    first: 100,
    start: 402,
    forged: { reason: 'INVALID_PAGE_TOKEN' },
  })
  await bed.control('POST', '/clock', { skewMs: 120_000 })
  t.teardown(() => bed.control('POST', '/clock', { skewMs: 0 }))
  const late = await bed.python(
    `give(e=refused(client('ebs').list_snapshot_blocks, SnapshotId=V['s'], NextToken=V['token']))`,
    answer,
  )
  t.match(late.e, { code: 'ValidationException', reason: 'INVALID_PAGE_TOKEN' })
})

t.test('a fresh snapshot does not exist for a while, and an idle one is cancelled', async t => {
  await bed.control('POST', '/timing', { settleMs: 300 })
  t.teardown(() => bed.control('POST', '/timing', { settleMs: 0 }))
  const { s, early } = await bed.python(`
ebs = client('ebs')
a = b'a' * 524288
s = ebs.start_snapshot(VolumeSize=1, Timeout=10)['SnapshotId']
early = refused(put, ebs, s, 0, a)
wait(lambda: refused(put, ebs, s, 0, a)['code'] == 'not refused')
give(s=s, early=early)
`)
  t.match(early, { code: 'ResourceNotFoundException' })
  await bed.control('POST', '/clock', { skewMs: 11 * 60_000 })
  t.teardown(() => bed.control('POST', '/clock', { skewMs: 0 }))
  const late = await bed.python(
    `give(e=refused(put, client('ebs'), V['s'], 1, b'a' * 524288), state=client('ec2').describe_snapshots(SnapshotIds=[V['s']])['Snapshots'][0]['State'])`,
    { s },
  )
  t.match(late, { e: { reason: 'WRITE_REQUEST_TIMEOUT' }, state: 'error' })
})

t.test('StartSnapshot is idempotent by its client token', async t => {
  const answer = await bed.python(`
ebs = client('ebs')
one, two = [ebs.start_snapshot(VolumeSize=1, ClientToken='t')['SnapshotId'] for _ in range(2)]
give(same=one == two, other=refused(ebs.start_snapshot, VolumeSize=2, ClientToken='t'))
`)
  t.match(answer, { same: true, other: { code: 'ConflictException', status: 409 } })
})

t.test('quotas: requests a second, and pending snapshots', async t => {
  await bed.control('POST', '/quotas', { startCompletePerSecond: 2, pendingSnapshots: 1 })
  const answer = await bed.python(`
ebs = client('ebs')
time.sleep(1)
give(pending=refused(ebs.start_snapshot, VolumeSize=1), many=[refused(ebs.start_snapshot, VolumeSize=1)['code'] for _ in range(5)][-1])
`)
  t.match(answer, {
    pending: { code: 'ServiceQuotaExceededException', status: 402 },
    many: 'RequestThrottledException',
  })
})
