// OVF environments as hypervisors write them, and as nobody should.
import t from 'tap'
import { maxEnvironmentBytes, parseOvfEnvironment } from '../../appliance/machine/ovf-environment.ts'
import { ovfEnvironment } from '../ova-vm/ovf-environment.ts'

const parse = (text: string) => parseOvfEnvironment(Buffer.from(text))
const namespace = 'http://schemas.dmtf.org/ovf/environment/1'
const own = (inside: string) => `<Environment xmlns="${namespace}" xmlns:oe="${namespace}">${inside}</Environment>`
const section = (inside: string) => own(`<PropertySection>${inside}</PropertySection>`)
const refused = { code: 'INVALID_REQUEST' }

t.test('properties are read as vCenter and govc write them', async t => {
  const given = { hostname: 'hoist.example.com', setup_code: 'a & b < "c"', dns: '' }
  t.same(Object.fromEntries(parse(ovfEnvironment(given))), {
    hostname: ['hoist.example.com'],
    setup_code: ['a & b < "c"'],
    dns: [''],
  })
  t.same(parse(`\ufeff${ovfEnvironment(given)}`).get('hostname'), ['hoist.example.com'])
  t.equal(parse(own('')).size, 0, 'nothing was asked')
})

t.test('any prefix will do; those of other machines, other sections and other namespaces are none of ours', async t => {
  t.same(
    parse(
      `<x:Environment xmlns:x="${namespace}"><x:PropertySection><x:Property x:key="a" x:value="b"/></x:PropertySection></x:Environment>`,
    ).get('a'),
    ['b'],
  )
  const property = '<Property oe:key="a" oe:value="b"/>'
  t.equal(parse(own(`<Entity oe:id="o"><PropertySection>${property}</PropertySection></Entity>`)).size, 0)
  t.equal(parse(own(`<Other><PropertySection>${property}</PropertySection></Other>`)).size, 0)
  t.equal(parse(own(`<PropertySection xmlns="urn:other">${property}</PropertySection>`)).size, 0)
})

t.test('a key that is there twice has both values', async t => {
  t.same(parse(section('<Property oe:key="a" oe:value="1"/><Property oe:key="a" oe:value="2"/>')).get('a'), ['1', '2'])
})

t.test(
  'what is no environment, declares a type, is too long, too deep or broken is refused, and not quoted',
  async t => {
    const good = ovfEnvironment({ setup_code: 'CANARY' })
    const flawed: [string, string][] = [
      ['', 'nothing'],
      ['CANARY', 'text'],
      ['<Environment/>', 'no namespace'],
      [`<Envelope xmlns="${namespace}"/>`, 'another root'],
      [good.replace('?>', '?><!DOCTYPE Environment [<!ENTITY x "CANARY">]>'), 'a type'],
      [section('<Property oe:key="a" oe:value="&x;CANARY"/>'), 'an entity'],
      [section('<Property oe:key="CANARY"/>'), 'no value'],
      [section('<Property key="a" value="CANARY"/>'), 'attributes without namespace'],
      [good.slice(0, -10), 'cut'],
      [good + good, 'two'],
      [`${good}${' '.repeat(maxEnvironmentBytes)}`, 'long'],
      [own('<a>'.repeat(20) + '</a>'.repeat(20)), 'deep'],
    ]
    for (const [text, what] of flawed) {
      t.throws(() => parse(text), refused, what)
      try {
        parse(text)
      } catch (thrown) {
        t.notMatch(String(thrown), /CANARY/, what)
      }
    }
    t.throws(() => parseOvfEnvironment(Buffer.from([...Buffer.from(good), 0xff])), refused)
  },
)

t.test('20,000 damaged ones are read or refused, and nothing else happens', async t => {
  // xorshift32: the same cases at every run.
  let state = 4711
  const random = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  const good = Buffer.from(ovfEnvironment({ hostname: 'h', setup_code: 'c&d', ssh_key: 'k' }))
  const pieces = [
    '<',
    '>',
    '"',
    '&',
    '&#0;',
    '&#x110000;',
    '<!--',
    ']]>',
    '<![CDATA[',
    '<?x',
    '\0',
    'xmlns:oe=""',
    '</Environment>',
    'oe:',
    '\u{1F600}',
  ]
  let read = 0
  for (let time = 0; time < 20_000; time++) {
    let bytes = Buffer.from(good)
    for (let change = random(4); change >= 0; change--) {
      const at = random(bytes.length)
      const kind = random(3)
      if (kind === 0) bytes[at] = random(256)
      else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(30))])
      else
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(pieces[random(pieces.length)] ?? ''),
          bytes.subarray(at),
        ])
      if (bytes.length === 0) break
    }
    try {
      parseOvfEnvironment(bytes)
      read += 1
    } catch (thrown) {
      if (Object(thrown).code !== 'INVALID_REQUEST')
        throw new Error(`case ${time}: ${bytes.toString('base64')}`, { cause: thrown })
    }
  }
  t.ok(read > 100 && read < 19_000, `${read} were read`)
})
