// Which release is current.
import { existsSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { releasesIn } from '../../appliance/upgrade/releases.ts'

t.test(
  'the link is switched in one step, and what is not kept is removed, never the current or the proven one',
  async t => {
    const top = t.testdir({ releases: { '1.0.0': { a: '' }, '1.1.0': { a: '' }, '1.2.0': { a: '' }, other: {} } })
    for (const link of ['current', 'proven']) symlinkSync('releases/1.0.0', join(top, link))
    const releases = releasesIn(top)
    t.equal(await releases.current(), '1.0.0')
    await releases.switchTo('1.2.0')
    t.equal(readlinkSync(join(top, 'current')), 'releases/1.2.0')
    t.ok(existsSync(join(top, 'current/a')))
    t.equal(await releases.current(), '1.2.0')
    await releases.keepOnly(['1.1.0'])
    t.same(readdirSync(releases.directory).sort(), ['1.0.0', '1.1.0', '1.2.0', 'other'])
    await releases.prove('1.2.0')
    t.equal(readlinkSync(join(top, 'proven')), 'releases/1.2.0')
    await releases.keepOnly([])
    t.same(readdirSync(releases.directory).sort(), ['1.2.0', 'other'])
  },
)

t.test('on a machine without the link to what is proven, the current one is kept', async t => {
  const top = t.testdir({ releases: { '1.0.0': {}, '1.1.0': {} } })
  symlinkSync('releases/1.1.0', join(top, 'current'))
  const releases = releasesIn(top)
  await releases.keepOnly([])
  t.same(readdirSync(releases.directory), ['1.1.0'])
})

t.test('a link to anything else is no release', async t => {
  for (const target of ['/etc', 'releases/../..', 'releases/1.0', '1.0.0']) {
    const top = t.testdir({ releases: {} })
    symlinkSync(target, join(top, 'current'))
    await t.rejects(releasesIn(top).current(), { code: 'UPGRADE_FAILED' }, target)
  }
})
