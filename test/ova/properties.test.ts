import t from 'tap'
import { readDeployment } from '../../appliance/machine/deployment-properties.ts'
import { checkProperties, type OvfProperty, properties, propertyElements } from '../../ova/properties.ts'

t.test('the properties are those that the first boot reads', async t => {
  checkProperties(properties)
  t.strictSame(
    properties.map(({ key }) => key),
    [
      'hostname',
      'ipv4_mode',
      'ipv4_address',
      'ipv4_gateway',
      'ipv6_mode',
      'ipv6_address',
      'ipv6_gateway',
      'dns',
      'ntp',
      'proxy',
      'ssh_key',
      'setup_code',
    ],
  )
})

t.test('a host name is refused by vCenter where Linux would refuse it', async t => {
  const [hostname] = propertyElements(properties).filter(({ attributes }) => attributes['ovf:key'] === 'hostname')
  t.equal(hostname?.attributes['ovf:qualifiers'], 'MinLen(0),MaxLen(64)')
})

t.test('a proxy is as long as the machine takes it, and an address alone is one', async t => {
  const proxy = properties.find(({ key }) => key === 'proxy')
  const taken = (more: Record<string, string>) =>
    readDeployment(new Map(Object.entries(more).map(([key, value]) => [key, [value]])))
  const url = (length: number) => `http://${'abc.'.repeat(length)}`.slice(0, length - 1).concat('d')
  t.strictSame(taken({ proxy: url(proxy?.maxLength ?? 0) }).findings, [])
  t.match(taken({ proxy: url((proxy?.maxLength ?? 0) + 1) }).findings, [{ about: 'proxy' }])
  // As their descriptions say.
  const { verbs } = taken({ ipv4_mode: 'dhcp', ipv4_address: '192.0.2.10/24', ipv6_mode: 'auto' })
  t.match(verbs, [{ verb: 'network', ipv4: { method: 'static' }, ipv6: { method: 'automatic' } }])
})

t.test('only the setup code is a password, and the machine starts with nothing filled in', async t => {
  const elements = propertyElements(properties).filter(({ name }) => name === 'Property')
  t.equal(elements.length, properties.length)
  const passwords = elements.filter(({ attributes }) => attributes['ovf:password'] === true)
  t.strictSame(
    passwords.map(({ attributes }) => attributes['ovf:key']),
    ['setup_code'],
  )
  for (const { attributes } of elements) {
    t.equal(attributes['ovf:userConfigurable'], true)
    t.type(attributes['ovf:value'], 'string', `${attributes['ovf:key']} has a value, if an empty one`)
    const { 'ovf:qualifiers': qualifiers, 'ovf:value': value } = attributes
    t.match(qualifiers, value === '' ? /^MinLen\(0\),MaxLen\(\d+\)$/ : `"${value}"`, 'which its qualifiers allow')
  }
})

t.test('a category stands once above its properties', async t => {
  const names = propertyElements(properties).map(({ name, children }) => (name === 'Category' ? children : name))
  t.strictSame(
    names.filter(name => name !== 'Property'),
    ['Network', 'First sign-in'],
  )
  t.equal(names[0], 'Network')
})

const sound: OvfProperty = { key: 'a', category: 'C', label: 'L', description: '', maxLength: 4 }
const unsound: [Partial<OvfProperty>, RegExp][] = [
  [{ key: 'a.b' }, /lower case/],
  [{ key: 'A' }, /lower case/],
  [{ key: '' }, /lower case/],
  [{ label: '' }, /no label/],
  [{ category: '' }, /no label/],
  [{ maxLength: 0 }, /out of range/],
  [{ maxLength: 70_000 }, /out of range/],
  [{ fallback: 'abcde' }, /too long/],
  [{ choices: ['a', 'b'] }, /none of its choices/],
  [{ choices: ['a"b'], fallback: 'a"b' }, /choice does not fit/],
  [{ choices: ['abcde'], fallback: 'abcde' }, /choice does not fit/],
  [{ password: true, fallback: 'abc' }, /neither chosen nor given/],
]

t.test('a definition that vCenter would refuse or misread is named', async t => {
  t.doesNotThrow(() => checkProperties([sound, { ...sound, key: 'b', choices: ['x', 'y'], fallback: 'y' }]))
  for (const [change, message] of unsound)
    t.throws(() => checkProperties([{ ...sound, ...change }]), { name: 'RangeError', message }, JSON.stringify(change))
  t.throws(() => propertyElements([sound, sound]), { message: /there twice/ })
})
