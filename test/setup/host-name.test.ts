import t from 'tap'
import { plainHost } from '../../appliance/setup/host-name.ts'

t.test('an address out of the browser becomes the host and port in it', async t => {
  for (const entered of [
    'vc.example:8443',
    ' vc.example:8443\n',
    'https://vc.example:8443/',
    'HTTPS://vc.example:8443/ui/app/folder;nav=h/urn:vmomi:Folder?x=1#y',
    'vc.example:8443/ui',
  ])
    t.equal(plainHost(entered), 'vc.example:8443', entered)
  t.equal(plainHost('https://[::1]:444/'), '[::1]:444')
})

t.test('what is no host is left for the refusal to name', async t => {
  t.equal(plainHost('user@vc'), 'user@vc')
  t.equal(plainHost('https://'), '')
})
