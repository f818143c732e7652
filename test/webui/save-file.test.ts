// A file for the browser to save: a link that is clicked, under the name that the API gave it.
import t from 'tap'
import { saveFile } from '../../webui/save-file.ts'

t.test('the browser is handed the file under its name, and the page lets go of it later', async t => {
  const later: (() => void)[] = []
  t.intercept(globalThis, 'setTimeout', { value: (act: () => void) => later.push(act) })
  const did: string[] = []
  const link = { href: '', download: '', click: () => did.push(`click ${link.download} ${link.href}`) }
  const global = globalThis as { document?: unknown }
  const { document } = global
  const { revokeObjectURL } = URL
  global.document = { createElement: (kind: string) => (kind === 'a' ? link : undefined) }
  URL.revokeObjectURL = url => void did.push(`revoke ${url}`)
  t.teardown(() => {
    global.document = document
    URL.revokeObjectURL = revokeObjectURL
  })
  saveFile({ blob: new Blob(['x']), name: 'a.hoistbackup' })
  t.match(did, [/^click a\.hoistbackup blob:/])
  for (const act of later) act()
  t.match(did, [/^click/, `revoke ${link.href}`])
})
