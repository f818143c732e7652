import t from 'tap'
import { runsChangedCode } from './boot.ts'

t.test('qemu emulates with several threads from 8.1 on', async t => {
  const said = (version: string) => runsChangedCode(`QEMU emulator version ${version}\nCopyright (c) 2003-2026`)
  t.notOk(said('7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)'))
  t.notOk(said('8.0.5'))
  t.ok(said('8.1.0'))
  t.ok(said('10.0.2 (Debian 1:10.0.2+ds-2)'))
  t.notOk(runsChangedCode('something else'), 'one that does not say is taken for an old one')
})
