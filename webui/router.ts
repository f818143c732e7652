// Where the page is: a path and a query, by the browser's own history.
import { createStore, useStore } from './store.ts'

export interface Place {
  path: string
  query: URLSearchParams
}

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) })

const place = createStore<Place>(typeof location === 'undefined' ? { path: '/', query: new URLSearchParams() } : here())

/** Follows the back button and clicks on links of our own. */
export function startRouter(): void {
  addEventListener('popstate', () => place.set(here()))
  document.addEventListener('click', event => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link?.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
    if (link.pathname.startsWith('/api/') && link.pathname !== '/api/docs') return
    if (link.hash !== '' && link.pathname === location.pathname) return
    event.preventDefault()
    go(link.pathname + link.search)
  })
}

/** Goes to a path of the page. */
export function go(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  place.set(here())
}

export const usePlace = (): Place => useStore(place)

/** The parts that `:name` stands for, when the path fits the pattern: `/runs/:id`. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.replace(/(.)\/$/, '$1').split('/')
  if (wanted.length !== given.length) return undefined
  const parts: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? ''
    if (part.startsWith(':')) {
      if (value === '') return undefined
      try {
        parts[part.slice(1)] = decodeURIComponent(value)
      } catch {
        // No UTF-8: no place of ours.
        return undefined
      }
    } else if (part !== value) return undefined
  }
  return parts
}
