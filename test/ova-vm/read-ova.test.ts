// A manifest that does not fit its OVA is seen, whichever way it does not.
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { checkManifest } from './read-ova.ts'

const files = { 'hoist.ovf': 'descriptor', 'hoist-system.vmdk': 'disk', 'hoist-data.vmdk': 'empty' }
const names = ['hoist.ovf', 'hoist.mf', 'hoist.cert', 'hoist-system.vmdk', 'hoist-data.vmdk']
const line = (name: string, text: string) => `SHA256(${name})= ${createHash('sha256').update(text).digest('hex')}\n`
const whole = Object.entries(files).map(([name, text]) => line(name, text))

t.test('a manifest has to name every file once, and truly', async t => {
  const directory = t.testdir({ ...files, 'hoist.cert': 'signature' })
  const check = async (lines: readonly string[]) => {
    await writeFile(join(directory, 'hoist.mf'), lines.join(''))
    await checkManifest(directory, names)
  }
  await t.resolves(check(whole))
  await t.resolves(check(whole.toReversed()), 'in any order')
  const wrong: Record<string, readonly string[]> = {
    'a line is missing': whole.slice(1),
    'a line is there twice': [...whole, ...whole.slice(0, 1)],
    'a file that is not in the tar': [...whole, line('hoist.iso', 'x')],
    'the signature is in it': [...whole, line('hoist.cert', 'signature')],
    'another digest': [line('hoist.ovf', 'another'), ...whole.slice(1)],
    'no digest': ['hoist.ovf\n', ...whole.slice(1)],
    nothing: [],
  }
  for (const [what, lines] of Object.entries(wrong)) await t.rejects(check(lines), { message: /the manifest/ }, what)
})
