// A listing that comes in pages, walked to its end.

/** One page, and what asks for the next; absent or empty on the last one. */
export interface ListedPage<T> {
  items: readonly T[] | undefined
  next?: string | undefined
}

/** Every item, page by page: no more than one page is held. @param list asks for the page after `next` of the one before */
export async function* everyItem<T>(list: (after: string | undefined) => Promise<ListedPage<T>>): AsyncGenerator<T> {
  let after: string | undefined
  do {
    const { items, next } = await list(after)
    yield* items ?? []
    after = next
  } while (after)
}
