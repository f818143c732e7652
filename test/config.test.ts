// The process's settings out of its environment.
import { resolve } from 'node:path'
import t from 'tap'
import { configVariables, loadConfig } from '../appliance/config.ts'

t.test('an empty environment gives the defaults, on loopback', async t => {
  const defaults = {
    dataDir: resolve('data'),
    host: '127.0.0.1',
    port: 8443,
    redirectPort: 0,
    logLevel: 'info',
    pollMs: 15_000,
    scheduleMs: 30_000,
    resumeMs: 30_000,
    stallMs: 120_000,
    watchMs: 60_000,
    leaseMs: 300_000,
    reapMs: 3_600_000,
    healthMs: 600_000,
    machineId: '',
    upgradeState: '',
    machineSocket: '',
    releaseKeys: '/etc/hoist/release-keys',
    secretsKey: '',
  }
  t.strictSame(loadConfig({}), defaults)
  t.strictSame(loadConfig({ PATH: '/bin', HOIST_PORT: '', HOIST_HOST: undefined }), defaults)
})

t.test('each variable sets its field', async t => {
  const config = loadConfig({
    HOIST_DATA_DIR: '/var/lib/hoist',
    HOIST_HOST: '0.0.0.0',
    HOIST_PORT: '0',
    HOIST_REDIRECT_PORT: '80',
    HOIST_LOG_LEVEL: 'debug',
    HOIST_POLL_MS: '200',
    HOIST_SCHEDULE_MS: '1000',
    HOIST_RESUME_MS: '20',
    HOIST_STALL_MS: '5000',
    HOIST_WATCH_MS: '400',
    HOIST_LEASE_MS: '2000',
    HOIST_REAP_MS: '60000',
    HOIST_HEALTH_MS: '0',
    HOIST_MACHINE_ID: '4211c5a0-0000-1111-2222-333344445555',
    HOIST_UPGRADE_STATE: '/opt/hoist/upgrade-state.json',
    HOIST_MACHINE_SOCKET: '/run/hoist-machine/socket',
    HOIST_RELEASE_KEYS: '/keys',
    HOIST_SECRETS_KEY: '/run/hoist/secrets.key',
  })
  t.strictSame(config, {
    dataDir: '/var/lib/hoist',
    host: '0.0.0.0',
    port: 0,
    redirectPort: 80,
    logLevel: 'debug',
    pollMs: 200,
    scheduleMs: 1000,
    resumeMs: 20,
    stallMs: 5000,
    watchMs: 400,
    leaseMs: 2000,
    reapMs: 60_000,
    healthMs: 0,
    machineId: '4211c5a0-0000-1111-2222-333344445555',
    upgradeState: '/opt/hoist/upgrade-state.json',
    machineSocket: '/run/hoist-machine/socket',
    releaseKeys: '/keys',
    secretsKey: '/run/hoist/secrets.key',
  })
})

t.test('a wrong value is refused with the name of its variable and what is expected', async t => {
  const wrong: [string, string][] = [
    ['HOIST_PORT', '65536'],
    ['HOIST_PORT', '-1'],
    ['HOIST_PORT', '0x50'],
    ['HOIST_PORT', '80.5'],
    ['HOIST_PORT', 'https'],
    ['HOIST_REDIRECT_PORT', '70000'],
    ['HOIST_LOG_LEVEL', 'loud'],
    ['HOIST_POLL_MS', '0'],
    ['HOIST_POLL_MS', '1e3'],
    ['HOIST_SCHEDULE_MS', '99999999999'],
    ['HOIST_RESUME_MS', '9'],
    ['HOIST_STALL_MS', '99'],
    ['HOIST_WATCH_MS', '600001'],
    ['HOIST_LEASE_MS', '5 min'],
    ['HOIST_REAP_MS', '86400001'],
    ['HOIST_MACHINE_ID', 'x'.repeat(129)],
  ]
  for (const [name, value] of wrong)
    t.throws(
      () => loadConfig({ [name]: value }),
      { code: 'CONFIG_INVALID', message: `${name} is "${value}".`, hint: configVariables[name]?.expects ?? '' },
      `${name}=${value}`,
    )
})

t.test('a misspelt variable is refused, with those that there are', async t => {
  t.throws(() => loadConfig({ HOIST_PROT: '1' }), { code: 'CONFIG_INVALID', message: /HOIST_PROT/, hint: /HOIST_PORT/ })
  t.throws(() => loadConfig({ HOIST_toString: '1' }), { code: 'CONFIG_INVALID' })
})
