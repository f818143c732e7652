// Chrony's and timesyncd's own words, read; silence is not knowing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readTimeSync } from '../../appliance/health/time-sync.ts'

const soon = () => AbortSignal.timeout(10_000)
/** As the programs print it: chrony 4.6, systemd 257. */
const words: Record<string, string> = {
  'chronyc -c tracking':
    'C0A80101,192.168.1.1,3,1772366400.123,-0.001512345,0.000012,0.000034,1.2,0.001,0.05,0.01,0.02,64.2,Normal\n',
  'chronyc -c sources':
    '^,*,192.168.1.1,2,6,377,12,-0.0001,-0.0001,0.01\n^,+,ntp.example,2,6,377,12,-0.0001,-0.0001,0.01\n',
  'timedatectl show': 'Timezone=Etc/UTC\nNTP=yes\nNTPSynchronized=yes\n',
  'timedatectl show-timesync':
    'SystemNTPServers=ntp.example time.example\nServerName=time.example\nPollIntervalMinUSec=32s\n',
}
const machine = (has: Record<string, string>) => async (file: string, args: readonly string[]) => {
  const said = has[[file.split('/').at(-1), ...args].join(' ')]
  if (said === undefined) throw Object.assign(new Error('no such program'), { code: 'ENOENT' })
  return said
}

t.test('chrony says whether, with whom and how far', async t => {
  t.same(await readTimeSync(soon(), machine(words)), {
    source: 'chrony',
    synchronized: true,
    servers: ['192.168.1.1', 'ntp.example'],
    offsetMs: -2,
  })
  const lost = {
    ...words,
    'chronyc -c tracking': '7F7F0101,,10,0,0,0,0,0,0,0,1,1,0,Not synchronised\n',
    'chronyc -c sources': '',
  }
  t.match(await readTimeSync(soon(), machine(lost)), { synchronized: false, servers: [] })
})

t.test('without chrony, timesyncd is asked', async t => {
  const { 'timedatectl show': show, 'timedatectl show-timesync': sync } = words
  const both = { 'timedatectl show': show ?? '', 'timedatectl show-timesync': sync ?? '' }
  t.same(await readTimeSync(soon(), machine(both)), {
    source: 'systemd-timesyncd',
    synchronized: true,
    servers: ['time.example', 'ntp.example'],
  })
  t.match(await readTimeSync(soon(), machine({ 'timedatectl show': 'NTPSynchronized=no\n' })), {
    synchronized: false,
    servers: [],
  })
  t.equal(await readTimeSync(soon(), machine({ 'timedatectl show': 'NTP=no\n' })), undefined)
})

t.test('nobody to ask is not knowing; this machine answers something or nothing', async t => {
  t.equal(await readTimeSync(soon(), machine({})), undefined)
  const here = await readTimeSync(soon())
  t.ok(here === undefined || typeof here.synchronized === 'boolean')
  await t.rejects(readTimeSync(AbortSignal.abort(), machine({})), { name: 'AbortError' })
})

t.test(
  'the sandbox of the service lets timedatectl ask: a program of the system, on the bus, by a socket of Unix',
  async t => {
    const path = join(import.meta.dirname, '../../packer/rootfs/etc/systemd/system/hoist.service')
    const valuesOf = (key: string) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .flatMap(line => (line.startsWith(`${key}=`) ? line.slice(key.length + 1).split(' ') : []))
    t.ok(valuesOf('RestrictAddressFamilies').includes('AF_UNIX'))
    t.ok(valuesOf('ExecPaths').includes('/usr'))
    t.notOk(valuesOf('InaccessiblePaths').some(hidden => /^-?\/(run|usr)\b/.test(hidden)))
    // Both would hide the bus, or make its socket one that cannot be written to.
    t.strictSame([...valuesOf('RootDirectory'), ...valuesOf('TemporaryFileSystem')], [])
  },
)
