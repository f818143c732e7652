import t from 'tap'
import { chooseTheme, startTheme, theme } from '../../webui/theme.ts'

t.test('a theme is kept in the browser and stands on the document; the system one is neither', async t => {
  const kept = new Map<string, string>()
  const dataset: Record<string, string> = {}
  const fake = {
    localStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    },
    document: { documentElement: { dataset } },
  }
  for (const [name, value] of Object.entries(fake))
    Object.defineProperty(globalThis, name, { value, configurable: true })
  t.teardown(() => {
    for (const name of Object.keys(fake)) Reflect.deleteProperty(globalThis, name)
  })
  chooseTheme('dark')
  t.equal(dataset.theme, 'dark')
  theme.set('system')
  startTheme()
  t.equal(theme.get(), 'dark', 'the next visit begins with it')
  chooseTheme('system')
  t.strictSame([dataset.theme, kept.size], [undefined, 0])
  kept.set('hoist-theme', 'purple')
  startTheme()
  t.equal(theme.get(), 'system', 'what is no theme is none')
})
