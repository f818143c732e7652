// Walks the words of a locale.

/** Every text with its place; those of functions as they come out with numbers and names. */
export function texts(of: unknown, place = ''): [string, string][] {
  if (typeof of === 'string') return [[place, of]]
  if (typeof of === 'function') {
    const given = [3, 2, 5, 7].slice(0, Math.max(1, of.length))
    return texts((of as (...given: unknown[]) => unknown)(...given), `${place}()`)
  }
  if (typeof of !== 'object' || of === null) throw new Error(`${place} is no text`)
  return Object.entries(of).flatMap(([key, value]) => texts(value, `${place}.${key}`))
}

/** What is wrong with the words: empty, with a hole in them, or untrimmed. */
export function mistakes(of: unknown): string[] {
  return texts(of)
    .filter(([, text]) => text.trim() === '' || /undefined|NaN|\[object/.test(text) || text.trimEnd() !== text)
    .map(([place, text]) => `${place}: "${text}"`)
}
