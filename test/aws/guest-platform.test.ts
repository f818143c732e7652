import t from 'tap'
import { guestPlatform, licenceType } from '../../appliance/aws/guest-platform.ts'

t.test('the guest ids that vSphere gives are told apart', async t => {
  for (const id of [
    'windows2019srv_64Guest',
    'windows2019srvNext_64Guest',
    'windows9_64Guest',
    'winNetEnterprise64Guest',
  ]) {
    t.equal(guestPlatform(id), 'Windows', id)
  }
  for (const id of [
    'debian12_64Guest',
    'ubuntu64Guest',
    'rhel9_64Guest',
    'centos7_64Guest',
    'sles15_64Guest',
    'opensuse64Guest',
    'oracleLinux8_64Guest',
    'rockylinux_64Guest',
    'almalinux_64Guest',
    'amazonlinux2_64Guest',
    'other5xLinux64Guest',
    'other26xLinux64Guest',
    'otherLinux64Guest',
    'vmwarePhoton64Guest',
    'fedora64Guest',
  ]) {
    t.equal(guestPlatform(id), 'Linux', id)
  }
  for (const id of ['freebsd13_64Guest', 'darwin19_64Guest', 'solaris11_64Guest', 'otherGuest64', '']) {
    t.equal(guestPlatform(id), undefined, id)
  }
})

t.test('the licence is left to AWS unless the job says otherwise', async t => {
  t.equal(licenceType('auto', 'Windows', 'web01'), undefined)
  t.equal(licenceType('auto', 'Linux', 'web01'), undefined)
  t.equal(licenceType('byol', 'Linux', 'web01'), 'BYOL')
  t.equal(licenceType('aws', 'Windows', 'web01'), 'AWS')
})

t.test("AWS's licence for a Linux guest is refused before anything is asked of AWS", async t => {
  t.throws(() => licenceType('aws', 'Linux', 'web01'), { code: 'GUEST_UNSUPPORTED', message: /web01/ })
})
