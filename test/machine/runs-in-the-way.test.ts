import t from 'tap'
import { runsInTheWay } from '../../appliance/machine/runs-in-the-way.ts'

t.test('one run is named, five are, and of more the number', async t => {
  t.equal(runsInTheWay(['web']), 'A run is under way: web.')
  t.equal(runsInTheWay(['a', 'b', 'c', 'd', 'e']), '5 runs are under way: a, b, c, d, e.')
  t.equal(runsInTheWay(['a', 'b', 'c', 'd', 'e', 'f', 'g']), '7 runs are under way: a, b, c, d, e and 2 more.')
})
