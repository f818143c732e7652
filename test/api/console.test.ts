// What the machine's console is told, by the token of the data directory only, and what the audit log hears from it.
import t from 'tap'
import type { HealthService } from '../../appliance/api/health.ts'
import type { HealthCheckView } from '../../appliance/api/schemas/health.ts'
import { goodPassword } from '../accounts/access-lab.ts'
import { startAccessApi } from './access-api.ts'
import { apiToken, metricsToken } from './memory-api.ts'

const check = (title: string, state: HealthCheckView['state'], cause?: string): HealthCheckView => ({
  id: `appliance.${title}`,
  group: 'appliance',
  title,
  state,
  ...(cause === undefined ? {} : { cause }),
})
const checks = [
  check('Clock', 'warning'),
  check('Disk', 'success'),
  check('vCenter', 'error', 'It does not answer.'),
  check('AWS', 'notStarted'),
]
const health: HealthService = {
  view: () => ({ checks, at: '2026-03-01T00:00:00.000Z', running: false }),
  run: () => ({ started: false }),
  ready: async () => true,
}
const { api, lab, signedIn, browser, close } = await startAccessApi({ health, version: '1.2.3' })
t.teardown(close)
const ask = (authorization: string, payload?: object) =>
  api.inject({
    method: payload ? 'POST' : 'GET',
    url: '/api/local/console',
    headers: { authorization },
    ...(payload ? { payload } : {}),
  })
const local = `Bearer ${apiToken}`

t.test(
  'the setup code is told to the console until there is an administrator, with what is wrong, errors first',
  async t => {
    const code = await lab.access.ensureSetupCode()
    const answer = await ask(local)
    t.equal(answer.statusCode, 200)
    t.strictSame(answer.json(), {
      version: '1.2.3',
      claimed: false,
      setupCode: code,
      problems: [
        { title: 'vCenter', state: 'error', cause: 'It does not answer.' },
        { title: 'Clock', state: 'warning' },
      ],
      checkedAt: '2026-03-01T00:00:00.000Z',
    })
    t.match(answer.headers, { 'cache-control': 'no-store' })
  },
)

t.test('nobody but the token of the data directory is told anything', async t => {
  const administrator = await signedIn('administrator')
  t.match(await administrator.ask('GET', '/api/local/console'), { status: 403, body: { code: 'FORBIDDEN' } })
  const { secret } = await lab.access.tokens.create(undefined, { name: 'ci', readOnly: false })
  t.equal((await ask(`Bearer ${secret}`)).statusCode, 403)
  t.equal((await ask(`Bearer ${metricsToken}`)).statusCode, 401)
  t.equal((await browser().ask('GET', '/api/local/console')).status, 401)
  t.equal((await ask(`Bearer ${secret}`, { act: 'ssh', outcome: 'done' })).statusCode, 403)
})

t.test('once there is an administrator there is no code', async t => {
  if (!(await lab.store.accounts.hasAdministrator())) await lab.access.claim({ name: 'anna', password: goodPassword })
  const view = (await ask(local)).json()
  t.match(view, { claimed: true })
  t.notHas(view, 'setupCode')
})

t.test('what was done on the console stands in the audit log, with its name and without secrets', async t => {
  const report = { act: 'proxy', outcome: 'done', values: { url: 'http://proxy:3128', password: 'never-written' } }
  t.equal((await ask(local, report)).statusCode, 204)
  t.equal((await ask(local, { act: 'ssh', outcome: 'failed', error: 'MACHINE_FAILED' })).statusCode, 204)
  t.equal((await ask(local, { act: 'reboot', outcome: 'done' })).statusCode, 400)
  const { items } = await lab.access.audit.list()
  t.match(items[0], {
    actor: { kind: 'local', name: 'the console' },
    route: '/api/local/console',
    request: { act: 'ssh', outcome: 'failed', error: 'MACHINE_FAILED' },
  })
  t.match(items[1], { outcome: 'done', request: { act: 'proxy', values: { url: 'http://proxy:3128' } } })
  t.notMatch(JSON.stringify(items), /never-written/)
})
