// Partial changes of documents.
import t from 'tap'
import { applyPatch } from '../../appliance/store/patch.ts'

interface Thing {
  name: string
  note?: string
}

t.test('fields are replaced, undefined removes, others stay, and the original is untouched', async t => {
  const thing: Thing = { name: 'a', note: 'n' }
  t.strictSame(applyPatch<Thing>(thing, { name: 'b' }), { name: 'b', note: 'n' })
  const without = applyPatch<Thing>(thing, { note: undefined })
  t.strictSame(Object.keys(without), ['name'])
  t.strictSame(thing, { name: 'a', note: 'n' })
})
