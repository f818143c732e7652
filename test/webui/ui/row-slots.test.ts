import t from 'tap'
import { takeSlots } from '../../../webui/ui/row-slots.ts'

const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `vm-${from + at}`)
const none = new Map<string, number>()

t.test('while scrolling, rows in sight keep their element and the others take what has left', async t => {
  const before = takeSlots(none, names(0, 40), undefined)
  const after = takeSlots(before, names(3, 43), undefined)
  for (const name of names(3, 40)) t.equal(after.get(name), before.get(name), name)
  t.strictSame(
    names(40, 43).map(name => after.get(name)),
    names(0, 3).map(name => before.get(name)),
  )
})

t.test('a jump, a search and its end need no element more than the table is high', async t => {
  let slots = takeSlots(none, names(0, 40), undefined)
  for (const keys of [names(500, 540), names(520, 523), names(0, 40), names(9960, 10_000)]) {
    slots = takeSlots(slots, keys, undefined)
    t.strictSame([...slots.keys()], keys)
    t.equal(new Set(slots.values()).size, keys.length, 'each has a slot of its own')
    t.ok(Math.max(...slots.values()) < 40, 'none without need')
  }
})

t.test('the row with the focus never becomes another one', async t => {
  const before = takeSlots(none, names(0, 40), undefined)
  const held = before.get('vm-2')
  const gone = takeSlots(before, names(20, 60), held)
  t.notOk([...gone.values()].includes(held ?? -1), 'its element goes with it')
  t.equal(new Set(gone.values()).size, 40)
  t.equal(takeSlots(before, names(1, 41), held).get('vm-2'), held, 'in sight it stays')
})
