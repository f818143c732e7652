// The partitions stand one after the other and leave both tables their room.
import t from 'tap'
import { diskMiB, layout } from '../../packer/layout.ts'

t.test('no partition overlaps another, the first table or the last', async t => {
  let free = 1
  for (const { startMiB, sizeMiB } of [layout.biosGrub, layout.esp, layout.root]) {
    t.ok(startMiB >= free)
    free = startMiB + sizeMiB
  }
  t.ok(free <= diskMiB - 1)
})
