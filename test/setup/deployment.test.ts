// What the first boot has left: taken over once, and only by an appliance that nobody has.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { takeOverDeployment } from '../../appliance/setup/deployment.ts'
import type { ProxySettings } from '../../appliance/store/settings.ts'

function ground(
  t: Test,
  text: string | undefined,
  { claimed = false, proxy }: { claimed?: boolean; proxy?: ProxySettings } = {},
) {
  const dataDir = t.testdir()
  const path = join(dataDir, 'deployment.json')
  if (text !== undefined) writeFileSync(path, text, { mode: 0o600 })
  const codes: string[] = []
  const said: string[] = []
  const kept: { proxy?: ProxySettings | undefined } = { proxy }
  return {
    codes,
    said,
    kept,
    path,
    take: () =>
      takeOverDeployment({
        dataDir,
        claimed: async () => claimed,
        adoptSetupCode: async code => void codes.push(code),
        settings: {
          getProxy: async () => kept.proxy,
          setProxy: async given => {
            kept.proxy = given
          },
        },
        say: line => said.push(line),
      }),
  }
}
const both = JSON.stringify({ setupCode: 'CANARY-CODE-1', proxyUrl: 'http://p:1' })

t.test('code and proxy are taken over, and the file goes', async t => {
  const lab = ground(t, both)
  await lab.take()
  t.same([lab.codes, lab.kept.proxy], [['CANARY-CODE-1'], { url: 'http://p:1' }])
  t.notOk(existsSync(lab.path))
  await lab.take()
  t.equal(lab.codes.length, 1, 'once')
})

t.test('an appliance that has an administrator takes nothing, and the file goes', async t => {
  const lab = ground(t, both, { claimed: true })
  await lab.take()
  t.same([lab.codes, lab.kept.proxy], [[], undefined])
  t.notOk(existsSync(lab.path))
})

t.test('a proxy that is there already stays', async t => {
  const lab = ground(t, both, { proxy: { url: 'http://mine:1' } })
  await lab.take()
  t.same(lab.kept.proxy, { url: 'http://mine:1' })
})

t.test('what cannot be read is dropped, and not quoted', async t => {
  for (const text of ['CANARY', '{"setupCode":"CANARY"', '{"setupCode":1}', '{"CANARY":1}', '']) {
    const lab = ground(t, text)
    await lab.take()
    t.same(lab.codes, [])
    t.equal(lab.said.length, 1)
    t.notMatch(JSON.stringify(lab.said), /CANARY/)
    t.notOk(existsSync(lab.path))
  }
})
