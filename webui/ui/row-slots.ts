// Which of the rows in the document shows which row of a long table: elements are used again, not made anew. Pure.

/**
 * A slot for each key. Who had one keeps it, so that what stays in sight is not touched; the others take those that have
 * become free. `held` is the slot that has the keyboard's focus: it never passes to another row, as a key pressed for one
 * server would act on another.
 */
export function takeSlots(
  before: ReadonlyMap<string, number>,
  keys: readonly string[],
  held: number | undefined,
): Map<string, number> {
  const staying = new Set(keys)
  const taken = new Set(before.values())
  const free: number[] = []
  for (const [key, slot] of before) if (!staying.has(key) && slot !== held) free.push(slot)
  let next = 0
  const fresh = () => {
    while (taken.has(next)) next++
    return next++
  }
  const slots = new Map<string, number>()
  let used = 0
  for (const key of keys) slots.set(key, before.get(key) ?? free[used++] ?? fresh())
  return slots
}
