// The schemas of upgrades: versions as releases have them, addresses that are https, keys below releases/.
import t from 'tap'
import Value from 'typebox/value'
import { AutoUpgradeBody, FetchBody, InstallBody } from '../../../appliance/api/schemas/upgrade.ts'

t.test('a version is three numbers', async t => {
  for (const version of ['1.2.3', '0.0.0', '10.20.30']) t.ok(Value.Check(InstallBody, { version }), version)
  for (const version of ['1.2', '01.2.3', '1.2.3-rc', '../1.2.3', '']) t.notOk(Value.Check(InstallBody, { version }))
})

t.test('bundles come from https, or from below releases/', async t => {
  for (const body of [
    { from: 'url', url: 'https://host/x.tar' },
    { from: 'bucket', key: 'releases/hoist-1.2.0.tar' },
  ])
    t.ok(Value.Check(FetchBody, body))
  for (const body of [
    { from: 'url', url: 'http://host/x.tar' },
    { from: 'url', url: 'https://host/x y' },
    { from: 'bucket', key: 'runs/disk.tar' },
    { from: 'bucket', key: 'releases/hoist-1.2.0.zip' },
    { from: 'upload' },
    { from: 'url', url: 'https://h/', key: 'releases/x.tar' },
  ])
    t.notOk(Value.Check(FetchBody, body), JSON.stringify(body))
})

t.test('automatic upgrades have a source and windows', async t => {
  const window = { days: ['sun'], from: '02:00', to: '24:00' }
  t.ok(Value.Check(AutoUpgradeBody, { enabled: true, source: { kind: 'bucket' }, windows: [window] }))
  t.ok(Value.Check(AutoUpgradeBody, { enabled: false, source: { kind: 'url', url: 'https://h/x' }, windows: [] }))
  t.notOk(Value.Check(AutoUpgradeBody, { enabled: true, source: { kind: 'ftp' }, windows: [] }))
  t.notOk(Value.Check(AutoUpgradeBody, { enabled: true, source: { kind: 'url' }, windows: [] }))
})
