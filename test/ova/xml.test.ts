import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { element, escapeXml, formatXml } from '../../ova/xml.ts'
import { seededNumbers } from '../disk/sample-disks.ts'
import { run } from './sample.ts'

t.test('elements, attributes and texts stand as they were given', async t => {
  const root = element('a', { 'x:b': 1, gone: undefined, c: true }, [
    element('d', {}, 'one <&> "two"\nthree'),
    element('e', {}, []),
    element('f', {}, 0),
  ])
  t.equal(
    formatXml(root),
    `<?xml version="1.0" encoding="UTF-8"?>
<a x:b="1" c="true">
  <d>one &lt;&amp;&gt; &quot;two&quot;
three</d>
  <e/>
  <f>0</f>
</a>
`,
  )
})

t.test('whatever text goes in, xmllint reads the same out of an element and out of an attribute', async t => {
  const next = seededNumbers(11)
  const alphabet = [...'ab <>&"\'\n\t\r]\u00e9\u{1f600}\u2028\u0085']
  const path = join(t.testdir(), 'sample.xml')
  for (let round = 0; round < 12; round++) {
    const text = `-${Array.from({ length: 40 }, () => alphabet[next() % alphabet.length]).join('')}]]>-`
    await writeFile(path, formatXml(element('a', { b: text }, text)))
    const read = async (xpath: string) => (await run('xmllint', ['--xpath', xpath, path])).stdout.replace(/\n$/, '')
    t.equal(await read('string(/a)'), text, `text, round ${round}`)
    t.equal(await read('string(/a/@b)'), text, `attribute, round ${round}`)
  }
})

t.test('what XML cannot hold is refused, not dropped', async t => {
  for (const text of ['a\u0000', '\u001b[1m', '\ufffe', 'lone \ud800 half', '\u000c'])
    t.throws(() => escapeXml(text), RangeError, JSON.stringify(text))
  for (const name of ['', 'a b', '1a', 'a:b:c', 'a>', '-a'])
    t.throws(() => formatXml(element(name)), { message: /no XML name/ }, name)
  t.throws(() => formatXml(element('a', { 'b c': 1 })), { message: /no XML name/ }, 'an attribute')
})
