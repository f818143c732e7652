// Values of vim25 as XML.

import t from 'tap'
import { fieldsXml, reference, toXml } from '../../appliance/vsphere/vim.ts'

t.test('fields are written in the order in which they are given, and undefined ones are left out', t => {
  const xml = fieldsXml({
    _this: reference('VirtualMachine', 'vm-1'),
    name: 'a & b',
    description: undefined,
    memory: false,
    privId: ['One', 'Two'],
    spec: { inner: 1 },
    typed: { xsiType: 'TraversalSpec', fields: { skip: true } },
    at: new Date(0),
    none: [],
  })
  t.equal(
    xml,
    '<_this type="VirtualMachine">vm-1</_this><name>a &amp; b</name><memory>false</memory>' +
      '<privId>One</privId><privId>Two</privId><spec><inner>1</inner></spec>' +
      '<typed xsi:type="TraversalSpec"><skip>true</skip></typed><at>1970-01-01T00:00:00.000Z</at>',
  )
  t.equal(toXml('x', undefined), '')
  t.end()
})
