// XML: namespaces, pieces, streams of elements, and what is refused.

import t from 'tap'
import {
  booleanAt,
  child,
  children,
  escapeXml,
  numberAt,
  parseXml,
  textAt,
  xmlTree,
} from '../../appliance/vsphere/xml.ts'

t.test('xsi:type is found under any prefix, and a type attribute of another namespace is not mistaken for it', t => {
  const documents = [
    '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:vim25="urn:vim25"><v xsi:type="vim25:VirtualDisk"/></a>',
    '<a xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"><v XMLSchema-instance:type="VirtualDisk"/></a>',
    '<a><v xmlns:q="http://www.w3.org/2001/XMLSchema-instance" q:type="ns1:VirtualDisk" type="VirtualMachine"/></a>',
  ]
  for (const document of documents) t.equal(child(parseXml(document), 'v')?.xsiType, 'VirtualDisk')
  const other = parseXml('<a xmlns:xsi="urn:other"><v xsi:type="VirtualDisk" type="Folder">group-v3</v></a>')
  t.equal(child(other, 'v')?.xsiType, '')
  t.equal(child(other, 'v')?.type, 'Folder')
  t.equal(textAt(other, 'v'), 'group-v3')
  t.end()
})

t.test('a document cut at any place gives the same tree', t => {
  const document = '<a><name>web &amp; d&#xE4;ta &lt;1&gt;</name><b><![CDATA[<raw>]]></b><n>42</n><f>1</f></a>'
  const whole = parseXml(document)
  t.equal(textAt(whole, 'name'), 'web & däta <1>')
  t.equal(textAt(whole, 'b'), '<raw>')
  for (let cut = 1; cut < document.length; cut++) {
    const tree = xmlTree()
    tree.write(document.slice(0, cut))
    tree.write(document.slice(cut))
    t.same(tree.end(), whole, { diagnostic: false })
  }
  t.equal(numberAt(whole, 'n'), 42)
  t.equal(numberAt(whole, 'name'), undefined)
  t.equal(numberAt(whole, 'absent', 'deeper'), undefined)
  t.equal(booleanAt(whole, 'f'), true)
  t.equal(booleanAt(whole, 'n'), false)
  t.end()
})

t.test('elements at a path are handed over as they close and are not kept', t => {
  const taken: string[] = []
  const tree = xmlTree({ onElement: { path: ['r', 'o'], take: element => taken.push(textAt(element, 'n') ?? '') } })
  tree.write('<r><o><n>1</n><o><n>inner</n></o></o><x><o><n>elsewhere</n></o></x><o><n>2</n></o>')
  t.same(taken, ['1', '2'])
  tree.write('</r>')
  t.same(
    tree.end().children.map(element => element.name),
    ['x'],
  )
  t.equal(children(undefined, 'o').length, 0)
  t.end()
})

t.test('document types, broken documents and bottomless ones are refused', t => {
  const refused = { code: 'VCENTER_PROTOCOL' }
  t.throws(() => parseXml('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'), refused)
  t.throws(() => parseXml('<a>&e;</a>'), refused)
  t.throws(() => parseXml('<a><b></a>'), refused)
  t.throws(() => parseXml('<a>'), refused)
  t.throws(() => parseXml(''), refused)
  t.throws(() => parseXml('<html><p>no<br></html>'), refused)
  t.throws(() => parseXml('<x:a/>'), refused)
  t.throws(() => parseXml('<a>'.repeat(100) + '</a>'.repeat(100)), refused)
  t.end()
})

t.test('text is escaped so that it comes back as it was, and characters that XML cannot hold are refused', t => {
  const text = 'a<b>&"c\'\r\n\t]]>ü😀'
  t.equal(textAt(parseXml(`<a><b>${escapeXml(text)}</b></a>`), 'b'), text)
  for (const bad of ['\u0000', 'a\u0008', '\ud800', '\uffff'])
    t.throws(() => escapeXml(bad), { code: 'INVALID_REQUEST' })
  t.end()
})
