import t from 'tap'
import { chosenServers } from '../../../webui/servers/chosen.ts'

t.test('nothing is chosen at first', async t => {
  t.equal(chosenServers.get().size, 0)
})
