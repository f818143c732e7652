// Where the appliance is reached: its listener, the one that sends to https, and what systemd hears of them.
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import type { Routes } from '../appliance/api/routes.ts'
import { frontDoor } from '../appliance/front-door.ts'
import { freePort } from './free-port.ts'
import { notifySocket, withoutSystemd } from './notify-socket.ts'
import { siteConfig } from './site.ts'

const silent = pino({ level: 'silent' })
const reached = (address: string) => ({ listen: async () => address }) as unknown as Routes

async function locationOf(port: number): Promise<string | undefined> {
  const asked = get({ host: '127.0.0.1', port, path: '/x', headers: { host: 'hoist' }, agent: false })
  const [answer] = await once(asked, 'response')
  answer.resume()
  return answer.headers.location
}

t.test('plain HTTP is sent to where it listens, for the rescue mode and for the appliance after it', async t => {
  const redirectPort = await freePort()
  const door = frontDoor({ ...siteConfig(t.testdir()), redirectPort }, silent)
  t.equal(await door.open(reached('https://127.0.0.1:8443')), 'https://127.0.0.1:8443')
  t.equal(await locationOf(redirectPort), 'https://hoist:8443/x')
  t.equal(await door.open(reached('https://127.0.0.1:8443')), 'https://127.0.0.1:8443')
  t.equal(await locationOf(redirectPort), 'https://hoist:8443/x')
  await door.close()
  await t.rejects(locationOf(redirectPort), { code: 'ECONNREFUSED' })
})

t.test('the usual port of https is not named', async t => {
  const redirectPort = await freePort()
  const door = frontDoor({ ...siteConfig(t.testdir()), redirectPort }, silent)
  await door.open(reached('https://[::]'))
  t.equal(await locationOf(redirectPort), 'https://hoist/x')
  await door.close()
})

t.test('a port that is taken is named with its variable', async t => {
  const stranger = createServer().listen(0, '127.0.0.1')
  t.teardown(() => stranger.close())
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  const door = frontDoor({ ...siteConfig(t.testdir()), redirectPort: port }, silent)
  await t.rejects(door.open(reached('https://127.0.0.1:8443')), {
    code: 'CONFIG_INVALID',
    message: new RegExp(`port ${port}: .*EADDRINUSE`),
    hint: /HOIST_REDIRECT_PORT/,
  })
  const failing = { listen: () => Promise.reject(new Error('no such address')) } as unknown as Routes
  await t.rejects(door.open(failing), { code: 'CONFIG_INVALID', message: /no such address/, hint: /HOIST_PORT/ })
  await door.close()
})

t.test('systemd hears that it is ready once it listens, and that it stops', { skip: withoutSystemd }, async t => {
  const manager = await notifySocket()
  t.teardown(() => manager.stop())
  process.env.NOTIFY_SOCKET = manager.path
  t.teardown(() => {
    delete process.env.NOTIFY_SOCKET
  })
  const door = frontDoor(siteConfig(t.testdir()), silent)
  await t.rejects(door.open({ listen: () => Promise.reject(new Error('no')) } as unknown as Routes))
  t.same(manager.messages, ['listening'])
  await door.open(reached('https://127.0.0.1:8443'))
  await manager.arrived('READY=1')
  await door.close()
  await manager.arrived('STOPPING=1')
  t.notOk(manager.messages.includes('WATCHDOG=1'), 'no interval was set')
})

t.test('a manager that cannot be told is logged, and holds nothing up', async t => {
  process.env.NOTIFY_SOCKET = '/none/such'
  t.teardown(() => {
    delete process.env.NOTIFY_SOCKET
  })
  const lines: string[] = []
  const door = frontDoor(siteConfig(t.testdir()), pino({ level: 'error' }, { write: line => void lines.push(line) }))
  t.equal(await door.open(reached('https://127.0.0.1:8443')), 'https://127.0.0.1:8443')
  await door.close()
  t.match(lines, [/service manager was not told/, /service manager was not told/])
})
