// The helper as the appliance has it: none, silent, dying in the middle; and the proxy that the machine is told.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { composeMachine, type MachineParts } from '../appliance/app-machine.ts'
import { startHelperLab } from './api/helper-lab.ts'

interface Proxy {
  url: string
  username?: string
}

function compose(
  socket: string,
  more: Partial<MachineParts> & { proxy?: () => Proxy | undefined; runs?: string[]; claimed?: boolean } = {},
) {
  const { proxy = () => undefined, runs = [], claimed = false, ...parts } = more
  const store = {
    settings: { getProxy: async () => proxy() },
    secrets: { get: async () => 'geheim:1' },
    runs: { active: async () => runs.map(serverName => ({ serverName })) },
    accounts: { hasAdministrator: async () => claimed },
  } as unknown as MachineParts['store']
  return composeMachine({ socket, store, changed: () => undefined, log: pino({ level: 'silent' }), ...parts })
}

/** Something else behind the socket than the helper. */
async function impostor(t: Test, answer: (socket: Socket) => void): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'hoist-impostor-'))
  const path = join(directory, 'socket')
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined) // The asking side has given up.
    socket.once('data', () => answer(socket))
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(directory, { recursive: true })
  })
  return path
}

t.test('without a helper the machine is shown as changed by hand, and every change says so', async t => {
  const { service, tellProxy, start } = compose('', { proxy: () => ({ url: 'http://proxy:3128' }) })
  t.strictSame(await service.view(), { runsUnderWay: [], findings: [] })
  const refused = { code: 'MACHINE_UNAVAILABLE', statusCode: 503, hint: /by hand/ }
  await t.rejects(service.change('ssh', { enabled: true }), refused)
  await t.rejects(service.restart('machine'), refused)
  await t.rejects(service.reset(), refused)
  await tellProxy()
  await start()
  t.strictSame(
    await service.view(),
    { runsUnderWay: [], findings: [] },
    'a proxy is nothing that a desk has to be told',
  )
})

t.test('a helper that is not there, or dies in the middle, is unavailable', async t => {
  const gone = compose('/no/such/socket')
  await t.rejects(gone.service.view(), { code: 'MACHINE_UNAVAILABLE' })
  const dying = compose(await impostor(t, socket => socket.destroy()))
  await t.rejects(dying.service.view(), { code: 'MACHINE_UNAVAILABLE' })
  await t.rejects(dying.service.change('time', { servers: [] }), { code: 'MACHINE_UNAVAILABLE' })
})

t.test('one that hangs is given up in time, and whoever asked is told that it may still be done', async t => {
  const hung = compose(await impostor(t, () => undefined), { quickMs: 20, changeMs: 30 })
  await t.rejects(hung.service.view(), { code: 'MACHINE_UNAVAILABLE', message: /0\.02 seconds/ })
  await t.rejects(hung.service.change('ssh', { enabled: true }), { code: 'MACHINE_UNAVAILABLE', hint: /may still do/ })
})

t.test(
  'while runs are under way the machine is neither restarted nor reset, unless that is said; the service is',
  async t => {
    const helper = await startHelperLab()
    t.teardown(() => helper.close())
    const runs = ['web-1', 'db-2']
    const { service } = compose(helper.socket, { runs })
    const refused = {
      code: 'RUNS_UNDER_WAY',
      statusCode: 409,
      message: '2 runs are under way: web-1, db-2.',
      hint: /Wait/,
    }
    t.match(await service.view(), { runsUnderWay: runs })
    for (const force of [undefined, false]) {
      await t.rejects(service.restart('machine', force), refused)
      await t.rejects(service.reset(force), refused)
    }
    t.strictSame(helper.ran, [])
    t.equal(helper.file('etc/hoist/factory-reset'), undefined)
    await service.restart('service')
    await service.restart('machine', true)
    await service.reset(true)
    t.strictSame(helper.ran, [
      '/usr/bin/systemctl --no-block restart hoist.service',
      '/usr/bin/systemctl --no-block reboot',
      '/usr/bin/systemctl --no-block reboot',
    ])
    runs.length = 0
    await service.restart('machine')
    t.equal(helper.ran.length, 4)
    await t.rejects(compose('', { runs: ['web-1'] }).service.reset(), { code: 'MACHINE_UNAVAILABLE' })
  },
)

t.test('what was last known changes with what is changed, without asking', async t => {
  const helper = await startHelperLab()
  t.teardown(() => helper.close())
  const { service } = compose(helper.socket)
  t.equal(service.known('ssh'), undefined)
  await service.view()
  t.strictSame(service.known('ssh'), { enabled: false })
  await service.change('updates', { enabled: false })
  t.strictSame(service.known('updates'), { enabled: false })
})

t.test('the proxy of the page reaches the packages of the system, with its password, and leaves with it', async t => {
  const helper = await startHelperLab()
  t.teardown(() => helper.close())
  let proxy: Proxy | undefined = { url: 'http://proxy.example.com:3128', username: 'anna' }
  const { tellProxy, service } = compose(helper.socket, { proxy: () => proxy })
  const file = () => helper.file('etc/apt/apt.conf.d/20hoist-proxy')
  await tellProxy()
  t.match(file(), 'Acquire::https::Proxy "http://anna:geheim%3A1@proxy.example.com:3128/"')
  proxy = { url: 'http://proxy.example.com:3128' }
  await tellProxy()
  t.match(file(), '"http://proxy.example.com:3128/"')
  proxy = undefined
  await tellProxy()
  t.equal(file(), undefined)
  t.notOk('proxyFailure' in (await service.view()))
})

t.test('why the machine does not use the proxy is shown until it does, and tried again at a start', async t => {
  const helper = await startHelperLab()
  t.teardown(() => helper.close())
  let proxy: Proxy = { url: 'http://under_score:3128' }
  const { tellProxy, start, service } = compose(helper.socket, { proxy: () => proxy })
  await tellProxy()
  t.match(await service.view(), { proxyFailure: { code: 'INVALID_REQUEST', message: /./, hint: /./ } })
  proxy = { url: 'http://score:3128' }
  await start()
  t.notOk('proxyFailure' in (await service.view()))
  t.match(helper.file('etc/apt/apt.conf.d/20hoist-proxy'), /score:3128/)
})

t.test(
  'what fails inside tells nothing of the inside; a start without a proxy leaves the machine its own until it is claimed',
  async t => {
    const helper = await startHelperLab()
    t.teardown(() => helper.close())
    helper.put('etc/apt/apt.conf.d/20hoist-proxy', 'of the first boot')
    const failing = compose(helper.socket, {
      proxy: () => {
        throw new Error('inside')
      },
    })
    await failing.tellProxy()
    t.match(await failing.service.view(), { proxyFailure: { code: 'INTERNAL', message: /could not be told/ } })
    await compose(helper.socket).start()
    t.equal(helper.file('etc/apt/apt.conf.d/20hoist-proxy'), 'of the first boot')
    await compose(helper.socket, { claimed: true }).start()
    t.equal(helper.file('etc/apt/apt.conf.d/20hoist-proxy'), undefined, 'the data of another machine say: none')
  },
)
