import t from 'tap'
import type { Facts, ServiceFact } from '../../appliance/console/facts.ts'
import { Painter, type Size, smallest, textOf, widthOf } from '../../appliance/console/frame.ts'
import { healthLine, homeFrame, homeItems, homeMove } from '../../appliance/console/home.ts'
import { ScreenModel } from './screen-model.ts'

const view = {
  version: '1.2.3',
  claimed: false,
  setupCode: 'KWTR-BHMX-PQNV-DGFJ',
  problems: [],
  checkedAt: '2026-03-01T00:00:00Z',
}
const facts: Facts = {
  hostName: 'hoist.example.com',
  addresses: ['192.0.2.10', '2001:db8::10'],
  port: 443,
  fingerprint: Array.from({ length: 32 }, (_, index) => (index + 0xa0).toString(16).toUpperCase()).join(':'),
  service: { kind: 'answers', view },
  units: { boot: 'active', service: 'active', helper: 'active' },
  findings: [],
}
const silent: ServiceFact = { kind: 'silent', forMs: 1000 }
function shown(changes: Partial<Facts> = {}, size: Size = smallest) {
  const frame = homeFrame('1.0.0', { ...facts, ...changes }, 0, size)
  const screen = new ScreenModel(size.columns, size.rows)
  screen.write(new Painter().paint(frame, size))
  t.strictSame(screen.faults, [])
  t.strictSame(
    frame.lines.filter(line => textOf(line).length > widthOf(size)),
    [],
    'no line is cut',
  )
  t.equal(frame.lines.length, size.rows)
  return screen.text
}

t.test('an unclaimed appliance shows name, addresses, URLs, the whole fingerprint and the setup code', async t => {
  const text = shown()
  t.match(text, /^ Hoist 1\.2\.3/)
  t.match(text, /Name +hoist\.example\.com\n Addresses +192\.0\.2\.10, 2001:db8::10\n/)
  t.match(text, 'https://192.0.2.10/')
  t.match(text, 'https://[2001:db8::10]/')
  t.match(text, 'K W T R  -  B H M X  -  P Q N V  -  D G F J')
  t.match(text, 'A0:A1:A2:A3  A4:A5:A6:A7  A8:A9:AA:AB  AC:AD:AE:AF\n')
  t.match(text, 'B0:B1:B2:B3  B4:B5:B6:B7  B8:B9:BA:BB  BC:BD:BE:BF\n')
  t.match(text, /Health +all is well/)
  for (const { key, label } of homeItems) t.match(text, ` ${key} ${label}`)
})

t.test('once claimed, the code is gone; one given at the deployment is never shown', async t => {
  const { setupCode: _code, ...without } = view
  t.notMatch(shown({ service: { kind: 'answers', view: { ...without, claimed: true } } }), /Setup code/)
  t.match(
    shown({ service: { kind: 'answers', view: without } }),
    /Setup code +the one that was given at the deployment/,
  )
})

t.test('nothing is lost at 80 by 24 with the longest name, eight addresses, many problems and notices', async t => {
  const six = Array.from({ length: 6 }, (_, index) => `2001:db8:1111:2222:3333:4444:5555:666${index}`)
  const problems = ['vCenter', 'Clock', 'AWS'].map(title => ({
    title,
    state: 'error' as const,
    cause: `${title} is not as it should be, for a long reason that goes on`,
  }))
  const full = {
    hostName: `${'a'.repeat(50)}.example.comm`,
    addresses: ['192.0.2.10', '192.0.2.11', ...six],
    service: { kind: 'answers' as const, view: { ...view, problems } },
    findings: [{ about: 'ntp_servers', text: 'is no list of servers' }],
    upgrade: { phase: 'trying' as const, from: '1.2.3', to: '1.3.0' },
  }
  const text = shown(full)
  t.match(text, full.hostName)
  t.match(text, /, and \d more/)
  t.match(text, /3 problems: vCenter: vCenter is not/)
  t.match(text, /Release 1\.3\.0 is on trial/)
  t.match(text, 'K W T R')
  t.match(text, 'BC:BD:BE:BF')
  for (const { label } of homeItems) t.match(text, label)
  t.match(shown(full, { columns: 120, rows: 40 }), /ntp_servers: is no list/)
})

t.test('two notices are shown side by side, and how many there are beyond them', async t => {
  const long = (about: string) => ({ about, text: `${about} was not taken. `.repeat(12) })
  const two = shown({ findings: [long('secrets'), long('dns')] })
  t.match(two, /Notice +secrets: secrets was.*\n.*\.\.\.\n Notice +dns: dns was.*\n.*\.\.\.\n/)
  const three = shown({ findings: [long('secrets'), long('dns'), long('proxy')] })
  t.match(three, /Notice +secrets[\s\S]+Notice +dns[\s\S]+Notice +1 more: see 8 Log and notices\./)
  t.match(three, 'K W T R')
})

t.test('hostile names and causes are plain text', async t => {
  const text = shown({
    hostName: '\x1b[2J\x1b[1;1Hevil',
    service: {
      kind: 'answers',
      view: {
        ...view,
        setupCode: 'AB\x1b[31mCD',
        problems: [{ title: '\x1b]0;x\x07T', state: 'error', cause: 'a\nb' }],
      },
    },
  })
  t.match(text, /Name +evil/)
  t.match(text, 'A B C D')
  t.match(text, '1 problem: T: a b')
})

t.test('no address is said with what to do', async t => {
  const text = shown({ addresses: [] })
  t.match(text, /Addresses +none: check the network adapter/)
  t.notMatch(text, /https:/)
  t.match(shown({ port: 8443, addresses: ['192.0.2.1'] }), 'https://192.0.2.1:8443/')
})

t.test('a service that does not answer is explained by how long, and by its unit and the boot', async t => {
  t.match(shown({ service: silent }), /Health +The service is starting\./)
  t.match(
    healthLine({ ...facts, service: { kind: 'silent', forMs: 130_000 } }),
    /not answered for 2 minutes: see 8 Log/,
  )
  t.match(healthLine({ ...facts, service: silent, units: { service: 'failed' } }), /has failed/)
  t.match(healthLine({ ...facts, service: silent, units: { service: 'inactive' } }), /stopped/)
  t.match(
    healthLine({ ...facts, service: silent, units: { boot: 'failed', service: 'inactive' } }),
    /look at hard disk 2/,
  )
  const message = `There is no data disk. Disks of this machine: ${'/dev/sdb (64 GiB) holds LVM2_member; '.repeat(4)}none.`
  const bootFailure = { message, hint: 'Add an empty disk of 64 GiB, and start again.' }
  const text = shown({
    service: silent,
    bootFailure,
    units: { boot: 'failed', service: 'inactive', helper: 'inactive' },
  })
  t.match(text.replace(/\s+/g, ' '), `has not started as it should. ${message} ${bootFailure.hint}`)
  t.notMatch(text, /helper that changes/, 'which waits for the disk')
  t.match(healthLine({ ...facts, service: { kind: 'refuses', message: 'No.', hint: 'Wait.' } }), /No\. Wait\./)
  t.match(shown({ units: { helper: 'failed' } }), /helper that changes the machine does not run/)
  const { checkedAt: _at, ...unchecked } = view
  t.equal(healthLine({ ...facts, service: { kind: 'answers', view: unchecked } }), 'being checked')
})

t.test('a damaged database shows the token that the rescue page wants', async t => {
  const text = shown({ service: { kind: 'rescue', message: 'The database is damaged.', token: 't'.repeat(43) } })
  t.match(text, /API token +t{43}\n/)
  t.match(text, /restore a backup/)
})

t.test('arrows lead through the menu by columns, and not out of it', async t => {
  t.equal(homeMove(0, 'down'), 1)
  t.equal(homeMove(0, 'right'), 4)
  t.equal(homeMove(4, 'left'), 0)
  t.equal(homeMove(0, 'up'), 0)
  t.equal(homeMove(7, 'right'), 7)
  t.equal(homeMove(9, 'down'), 9)
  t.match(homeFrame('1.0.0', undefined, 0, smallest).lines.map(textOf).join('\n'), /Hoist 1\.0\.0[\s\S]*Looking/)
})
