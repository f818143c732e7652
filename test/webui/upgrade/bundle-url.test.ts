// What the page takes for an address of a bundle is what the API takes for one.
import t from 'tap'
import Value from 'typebox/value'
import { FetchBody } from '../../../appliance/api/schemas/upgrade.ts'
import { checkBundleUrl } from '../../../appliance/upgrade/fetch-bundle.ts'
import { mayBeBundleUrl } from '../../../webui/upgrade/bundle-url.ts'

function isTaken(url: string): boolean {
  if (!Value.Check(FetchBody, { from: 'url', url })) return false
  try {
    return checkBundleUrl(url) !== undefined
  } catch {
    return false // Refused.
  }
}

t.test('the page and the API agree on addresses', async t => {
  for (const [url, taken] of [
    ['https://host/hoist-1.2.0.tar', true],
    ['https://[fd00::1]:8443/a?b=c', true],
    ['http://host/a', false],
    ['https://', false],
    ['https://user@host/a', false],
    ['https://user:word@host/a', false],
    ['https://host/a b', false],
    ['https://host/\u00e4', false],
    ['host/a', false],
    ['', false],
  ] as const) {
    t.equal(mayBeBundleUrl(url), taken, url)
    t.equal(isTaken(url), taken, `${url}, the API`)
  }
})
