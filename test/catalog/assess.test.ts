// Readiness: each rule alone, its limit on both sides, and together.
import t from 'tap'
import { assess } from '../../appliance/catalog/assess.ts'
import type { ImageMethod, Server, ServerDisk } from '../../appliance/domain.ts'
import { sampleServer } from '../store/samples.ts'

const tib = 2 ** 40

function disk(changes: Partial<ServerDisk> = {}, key = 2000): ServerDisk {
  const [sample] = sampleServer(1).disks
  if (!sample) throw new Error('the sample has a disk')
  return { ...sample, key, ...changes }
}

function disks(count: number): ServerDisk[] {
  return Array.from({ length: count }, (_, index) => disk({ label: `Hard disk ${index + 1}` }, 2000 + index))
}

function codes(changes: Partial<Server>, method?: ImageMethod): string[] {
  return assess(sampleServer(1, changes), method).map(finding => `${finding.severity} ${finding.code}`)
}

t.test('an ordinary server has no findings, for either image method', async t => {
  t.strictSame(codes({}), [])
  t.strictSame(codes({}, 'registered'), [])
  t.strictSame(codes({}, 'converted'), [])
})

t.test('what snapshots or AWS cannot do is refused by name', async t => {
  const refused: [Partial<Server>, string][] = [
    [{ isTemplate: true }, 'TEMPLATE'],
    [{ faultTolerant: true }, 'FAULT_TOLERANT'],
    [{ disks: [] }, 'NO_DISKS'],
    [{ disks: [disk({ kind: 'rdmPhysical' })] }, 'DISK_RDM_PHYSICAL'],
    [{ disks: [disk({ mode: 'independent_persistent' })] }, 'DISK_INDEPENDENT'],
    [{ disks: [disk({ mode: 'independent_nonpersistent' })] }, 'DISK_INDEPENDENT'],
    [{ disks: [disk({ sharing: 'multiWriter' })] }, 'DISK_SHARED'],
    [{ disks: [disk({ encrypted: true })] }, 'DISK_ENCRYPTED'],
    [{ disks: [disk({ sizeBytes: 16 * tib })] }, 'DISK_TOO_LARGE'],
  ]
  for (const [changes, code] of refused)
    for (const method of ['registered', 'converted'] as const)
      t.strictSame(codes(changes, method), [`refusal ${code}`], `${code}, ${method}`)
})

t.test('what is not carried over is warned about', async t => {
  const warned: [Partial<Server>, string][] = [
    [{ changeTrackingSupported: false }, 'NO_CHANGE_TRACKING'],
    [{ isoPaths: ['[iso] a.iso'] }, 'ISO_ATTACHED'],
    [{ vTpm: true, encrypted: true }, 'VTPM'],
    [{ secureBoot: true }, 'SECURE_BOOT'],
  ]
  for (const [changes, code] of warned) t.strictSame(codes(changes), [`warning ${code}`], code)
})

t.test('virtual raw device mappings and disks just below the limits pass', async t => {
  t.strictSame(codes({ disks: [disk({ kind: 'rdmVirtual' })] }), [])
  t.strictSame(codes({ disks: [disk({ sizeBytes: 16 * tib - 512 })] }), [])
  t.strictSame(codes({ disks: [disk({ sizeBytes: 8 * tib - 512 })] }, 'converted'), [])
  t.strictSame(codes({ disks: disks(21) }, 'converted'), [])
  t.strictSame(codes({ disks: disks(27) }), [])
})

t.test("VM Import's limits hold for the converted method only", async t => {
  t.strictSame(codes({ disks: [disk({ sizeBytes: 8 * tib })] }, 'converted'), ['refusal DISK_TOO_LARGE_TO_CONVERT'])
  t.strictSame(codes({ disks: [disk({ sizeBytes: 8 * tib })] }), [])
  t.strictSame(codes({ disks: disks(22) }, 'converted'), ['refusal TOO_MANY_DISKS'])
  t.strictSame(codes({ disks: disks(22) }), [])
  t.strictSame(codes({ disks: disks(28) }), ['warning MANY_DISKS'])
})

t.test('guests that VM Import has deprecated are told from those that it takes', async t => {
  const deprecated = [
    'winNetStandardGuest',
    'winNetEnterprise64Guest',
    'winLonghornGuest',
    'winLonghorn64Guest',
    'windows7_64Guest',
    'windows7Server64Guest',
    'windows8_64Guest',
    'windows8Guest',
    'centosGuest',
    'centos64Guest',
    'centos6_64Guest',
    'centos7_64Guest',
    'centos8_64Guest',
    'rhel5_64Guest',
    'rhel6_64Guest',
    'rhel6Guest',
    'debian6_64Guest',
    'debian7Guest',
    'debian10_64Guest',
    'debian12Guest',
    'ubuntuGuest',
    'otherGuest',
  ]
  for (const guestId of deprecated) t.strictSame(codes({ guestId }, 'converted'), ['warning GUEST_DEPRECATED'], guestId)
  const taken = [
    'windows8Server64Guest',
    'windows9_64Guest',
    'windows9Server64Guest',
    'windows2019srv_64Guest',
    'windows2022srvNext_64Guest',
    'windows11_64Guest',
    'rhel7_64Guest',
    'rhel8_64Guest',
    'rhel9_64Guest',
    'centos9_64Guest',
    'debian8_64Guest',
    'debian11_64Guest',
    'debian12_64Guest',
    'ubuntu64Guest',
    'sles15_64Guest',
    'otherLinux64Guest',
    'other5xLinux64Guest',
    '',
  ]
  for (const guestId of taken) t.strictSame(codes({ guestId }, 'converted'), [], guestId)
})

t.test('a registered image warns of licences that it does not carry and of 32-bit guests', async t => {
  for (const guestId of ['windows2019srv_64Guest', 'rhel9_64Guest', 'sles15_64Guest'])
    t.strictSame(codes({ guestId }), ['warning LICENCE_NOT_BILLED'], guestId)
  t.strictSame(codes({ guestId: 'debian12Guest' }), ['warning GUEST_32_BIT'])
  t.strictSame(codes({ guestId: 'vmkernel8Guest' }), [])
})

t.test('all findings come at once, refusals first, each disk by its key, with words for the reader', async t => {
  const server = sampleServer(1, {
    vTpm: true,
    isTemplate: true,
    disks: [disk(), disk({ label: 'Hard disk 2', encrypted: true, mode: 'independent_persistent' }, 2001)],
  })
  const before = structuredClone(server)
  const findings = assess(server, 'converted')
  t.strictSame(
    findings.map(finding => [finding.code, finding.diskKey]),
    [
      ['TEMPLATE', undefined],
      ['DISK_INDEPENDENT', 2001],
      ['DISK_ENCRYPTED', 2001],
      ['VTPM', undefined],
    ],
  )
  t.match(findings[1]?.message, /^Hard disk 2 is independent/)
  for (const finding of findings) {
    t.ok(finding.hint.endsWith('.'), finding.code)
    t.notOk(finding.message.endsWith('.'), 'messages are joined into sentences')
  }
  t.strictSame(server, before, 'the server is left as it was')
})
