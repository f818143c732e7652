// Names and the UUIDs that are made of them.
import t from 'tap'
import { nameUuid } from '../../packer/name-uuid.ts'

t.test('the same name gives the same UUID, another another, and both are of version 8', async t => {
  t.equal(nameUuid('a'), nameUuid('a'))
  t.not(nameUuid('a'), nameUuid('b'))
  for (const name of ['a', 'b', ''])
    t.match(nameUuid(name), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
})
