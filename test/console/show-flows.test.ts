import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { factoryReset, restart, sendBase64, showCertificate, showLog } from '../../appliance/console/show-flows.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { ensureWebCertificate } from '../../appliance/web-certificate.ts'
import { consoleLab } from './console-lab.ts'

const line = (level: string, msg: string, more = {}) =>
  JSON.stringify({ time: '2026-03-01T08:00:00.000Z', level, msg, ...more })

t.test('the certificate is shown with its fingerprint and in PEM, all of it', async t => {
  const lab = await consoleLab(t.testdir())
  await t.rejects(lab.play(showCertificate, ''), { code: 'NOT_FOUND' })
  const { cert, thumbprintSha256 } = await ensureWebCertificate(lab.parts.dataDir)
  await lab.play(showCertificate, `${'{down}'.repeat(30)}{escape}`)
  const text = lab.terminal.screens.join('\n')
  for (const row of cert.trimEnd().split('\n')) t.match(text, row)
  t.match(text.replaceAll(/\s/g, ''), thumbprintSha256)
  t.strictSame([lab.terminal.cutLines, lab.terminal.screen.faults], [[], []])
})

t.test('the log is read newest at the end, warnings alone if wanted, without the service, and plain', async t => {
  const lab = await consoleLab(t.testdir())
  await writeFile(
    lab.parts.logFiles()[0] ?? '',
    [line('info', 'first'), line('warn', 'second \x1b[2J', { host: 'x'.repeat(200) }), line('info', 'third'), ''].join(
      '\n',
    ),
  )
  await lab.play(showLog, '1{escape}2{escape}4{escape}3{escape}{escape}')
  const pages = lab.terminal.screens.filter(screen => screen.includes('Esc: back') && !screen.includes('Number'))
  t.match(pages[0], /03-01 08:00:00 INFO first\n03-01 08:00:00 WARN second[\s\S]*third/)
  t.match(pages[1], /second/)
  t.notMatch(pages[1], /first|third/)
  t.match(pages[2], /There is no notice/)
  t.match(pages[3], /journal is empty/)
  t.match(lab.said[0], /journalctl .*--unit hoist-boot/)
  t.strictSame([lab.terminal.cutLines, lab.terminal.screen.faults], [[], []])
})

t.test('the bundle leaves in base64 between its marks, byte for byte, with its sum', async t => {
  const bundle = randomBytes(5003)
  const lab = await consoleLab(t.testdir(), { bundle })
  await lab.play(showLog, '5{right}{enter}{right}{enter}{enter}{enter}{escape}')
  t.match(lab.asked[0]?.path, /^\/api\/support\/bundle\?from=20.*&obfuscate=true$/)
  const [, inside = ''] =
    /-----BEGIN HOIST LOG BUNDLE-----\r\n([\s\S]*)-----END HOIST LOG BUNDLE-----\r\n$/.exec(lab.terminal.sent) ?? []
  t.ok(
    inside
      .trimEnd()
      .split('\r\n')
      .every(one => /^[A-Za-z0-9+/=]{1,76}$/.test(one)),
  )
  t.same(Buffer.from(inside, 'base64'), bundle)
  t.ok(lab.terminal.screens.some(screen => screen.includes(createHash('sha256').update(bundle).digest('hex'))))
  t.match(lab.asked.at(-1)?.body, { act: 'log-bundle', outcome: 'done' })
  for (const length of [0, 56, 57, 58]) {
    const bytes = randomBytes(length)
    let sent = ''
    const content = (async function* () {
      for (const byte of bytes) yield Buffer.from([byte])
    })()
    await sendBase64(content, async text => {
      sent += text
    })
    t.same(Buffer.from(sent.split('-----')[2] ?? '', 'base64'), bytes, `${length}`)
  }
})

t.test('a service that gives no bundle is an error that says so', async t => {
  const lab = await consoleLab(t.testdir())
  await t.rejects(lab.play(showLog, '5{enter}{enter}{enter}'), { code: 'SERVICE_SILENT' })
  t.match(lab.asked.at(-1)?.body, { act: 'log-bundle', outcome: 'failed' })
})

t.test('a restart is confirmed, and told before it is done', async t => {
  const lab = await consoleLab(t.testdir())
  t.equal(await lab.play(restart, '1n'), 'ended')
  t.strictSame(lab.verbs, [])
  await lab.play(restart, '2y{enter}')
  await lab.play(restart, '1y{enter}')
  t.strictSame(lab.verbs, [
    { verb: 'restart', what: 'machine' },
    { verb: 'restart', what: 'service' },
  ])
  t.match(
    lab.asked.map(({ body }) => body),
    [{ act: 'restart-machine', outcome: 'asked' }, { act: 'restart-service' }],
  )
})

t.test(
  'runs under way are named before the machine goes down, and only a y goes on; the service alone holds them',
  async t => {
    const lab = await consoleLab(t.testdir())
    const shown = () => lab.terminal.screens.join('\n')
    lab.answers.set('GET /api/machine', { status: 200, body: { runsUnderWay: ['web-1', 'db-2'], findings: [] } })
    t.equal(await lab.play(restart, '2n'), 'ended')
    t.match(shown(), /2 runs are under way: web-1, db-2\.\s+Restart although runs are under way\? \(y\/n\)/)
    t.equal(await lab.play(factoryReset, 'erase everything{enter}{enter}n'), 'ended')
    t.match(shown(), /web-1, db-2\.\s+Erase everything although runs are under way\?/)
    t.strictSame(lab.verbs, [])
    await lab.play(restart, '1y{enter}')
    await lab.play(restart, '2y{enter}')
    t.strictSame(
      lab.verbs.map(verb => verb.verb === 'restart' && verb.what),
      ['service', 'machine'],
    )
    const quiet = await consoleLab(join(t.testdirName, 'quiet'))
    quiet.answers.set('GET /api/machine', { status: 200, body: { runsUnderWay: [], findings: [] } })
    await quiet.play(restart, '2y{enter}')
    t.match(quiet.terminal.screens.join('\n'), /is restarted\.\s+Restart\? \(y\/n\)/)
    const silent = await consoleLab(join(t.testdirName, 'silent'))
    await silent.play(restart, '2y{enter}')
    t.match(silent.terminal.screens.join('\n'), /runs may be under way\.\s+Restart all the same\?/)
    t.strictSame(silent.verbs, [{ verb: 'restart', what: 'machine' }])
    t.strictSame([...lab.terminal.cutLines, ...silent.terminal.cutLines], [])
  },
)

t.test('a factory reset wants its words exactly, and a y after them', async t => {
  const lab = await consoleLab(t.testdir())
  t.equal(await lab.play(factoryReset, 'Erase everything{enter}{enter}{escape}'), 'ended')
  t.equal(await lab.play(factoryReset, 'erase everything{enter}{enter}n'), 'ended')
  t.equal(await lab.play(factoryReset, 'erase everything{enter}{enter}{enter}'), 'left alone')
  t.strictSame(lab.verbs, [])
  await lab.play(factoryReset, 'erase everything{enter}{enter}y{enter}')
  t.strictSame(lab.verbs, [{ verb: 'reset', confirm: 'erase everything' }])
  t.match(lab.asked[0]?.body, { act: 'factory-reset', outcome: 'asked' })
})

t.test('a helper that refuses is told too', async t => {
  const fail = new ApplianceError('UPGRADE_IN_PROGRESS', 'An upgrade is under way.', { hint: 'Wait.' })
  const lab = await consoleLab(t.testdir(), { fail })
  await t.rejects(lab.play(restart, '1y'), fail)
  t.match(lab.asked.at(-1)?.body, { act: 'restart-service', outcome: 'failed', error: 'UPGRADE_IN_PROGRESS' })
})
