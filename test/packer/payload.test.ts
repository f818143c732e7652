// What goes onto the base: as tar lists it.
import { chmod, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makePayload } from '../../packer/payload.ts'
import { run } from '../lab/tools.ts'

t.test("everything is root's, has the modes of a system, and is the same bytes twice", async t => {
  const directory = t.testdir({
    one: {},
    two: {},
    rootfs: { etc: { hostname: 'hoist\n', secret: 'x', systemd: {} } },
    'main.ts': 'code',
    node: 'program',
    '2026.pem': 'key',
  })
  const at = (name: string) => join(directory, name)
  await chmod(at('rootfs/etc/hostname'), 0o600)
  await symlink('/dev/null', at('rootfs/etc/systemd/masked.service'))
  const payload = {
    version: '1.2.3',
    release: [
      { path: 'appliance/main.ts', from: at('main.ts'), executable: false },
      { path: 'bin/node', from: at('node'), executable: true },
    ],
    rootfs: at('rootfs'),
    releaseKeys: [at('2026.pem')],
    modifiedAt: 1_700_000_000,
  }
  const tar = await makePayload(at('one'), payload)
  const listed = (await run('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file', tar]))
    .trimEnd()
    .split('\n')
  const lines = listed.map(line => line.replace(/ +\d+ 2023-11-14 22:13 /, ' '))
  t.strictSame(lines, [
    'drwxr-xr-x 0/0 etc/',
    'drwxr-xr-x 0/0 etc/hoist/',
    'drwxr-xr-x 0/0 etc/hoist/release-keys/',
    '-rw-r--r-- 0/0 etc/hoist/release-keys/2026.pem',
    '-rw-r--r-- 0/0 etc/hostname',
    '-rw-r--r-- 0/0 etc/secret',
    'drwxr-xr-x 0/0 etc/systemd/',
    'lrwxr-xr-x 0/0 etc/systemd/masked.service -> /dev/null',
    'drwxr-xr-x 0/0 opt/',
    'drwxr-xr-x 0/0 opt/hoist/',
    'lrwxr-xr-x 0/0 opt/hoist/current -> releases/1.2.3',
    'lrwxr-xr-x 0/0 opt/hoist/proven -> releases/1.2.3',
    'drwxr-xr-x 0/0 opt/hoist/releases/',
    'drwxr-xr-x 0/0 opt/hoist/releases/1.2.3/',
    'drwxr-xr-x 0/0 opt/hoist/releases/1.2.3/appliance/',
    '-rw-r--r-- 0/0 opt/hoist/releases/1.2.3/appliance/main.ts',
    'drwxr-xr-x 0/0 opt/hoist/releases/1.2.3/bin/',
    '-rwxr-xr-x 0/0 opt/hoist/releases/1.2.3/bin/node',
  ])
  await run('cmp', [tar, await makePayload(at('two'), payload)])
})
