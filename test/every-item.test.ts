// Listings in pages.
import t from 'tap'
import { everyItem } from '../appliance/every-item.ts'

t.test('every page is asked for once, in turn, until one names no next', async t => {
  const asked: (string | undefined)[] = []
  const pages: Record<string, { items: number[] | undefined; next?: string }> = {
    first: { items: [1, 2], next: 'b' },
    b: { items: undefined, next: 'c' },
    c: { items: [3], next: '' },
  }
  const list = async (after: string | undefined) => {
    asked.push(after)
    return pages[after ?? 'first'] ?? { items: [] }
  }
  t.same(await Array.fromAsync(everyItem(list)), [1, 2, 3])
  t.same(asked, [undefined, 'b', 'c'], 'an empty cursor, as AWS gives it, ends the listing')
})

t.test('whoever stops early asks for no further page', async t => {
  let asked = 0
  const list = async () => ({ items: [++asked], next: 'more' })
  for await (const item of everyItem(list)) if (item === 2) break
  t.equal(asked, 2)
})
