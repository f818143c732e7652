import t from 'tap'
import { rowsInSight } from '../../../webui/ui/rows-in-sight.ts'

const rowHeight = 36

t.test('only rows near the view are drawn, however many there are', async t => {
  for (const top of [0, 36_000, 359_000]) {
    const { first, last } = rowsInSight({ count: 10_000, rowHeight, top, height: 720 })
    t.ok(last - first <= 20 + 24 + 1, `${last - first} rows`)
    t.ok(first * rowHeight <= top && last * rowHeight >= Math.min(top + 720, 360_000), 'the view is covered')
  }
})

t.test('a list that became shorter than where one stood has its end in sight', async t => {
  t.strictSame(rowsInSight({ count: 3, rowHeight, top: 360_000, height: 720 }), { first: 0, last: 3 })
  t.strictSame(rowsInSight({ count: 0, rowHeight, top: 0, height: 720 }), { first: 0, last: 0 })
})
