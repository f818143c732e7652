// E-mail against a real mail server: encryption insisted on, its certificate verified, and nothing slipped into headers.
import t from 'tap'
import { type AddressRule, guardedLookup } from '../../appliance/notify/address-guard.ts'
import { checkSmtpTarget, type SmtpTarget, sendMail } from '../../appliance/notify/mail.ts'
import { makeIdentity } from '../vsphere/tls-server.ts'
import { mailServer } from './mail-server.ts'
import { sample } from './samples.ts'

const identity = makeIdentity()
const caPem = identity.certificatePem
const account = { username: 'hoist', password: 'correct horse' }
const target = (port: number, more: Partial<SmtpTarget> = {}): SmtpTarget => ({
  kind: 'smtp',
  host: '127.0.0.1',
  port,
  security: 'starttls',
  from: 'hoist@example.com',
  to: ['ops@example.com'],
  ...more,
})
const header = (content: string, name: string) =>
  new RegExp(`^${name}: (.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(content.split('\r\n\r\n')[0] ?? '')?.[1]

t.test('after STARTTLS and login the message arrives as it was written', async t => {
  const server = await mailServer(t, { security: 'starttls', identity, ...account })
  const to = ['ops@example.com', 'boss@example.com']
  await sendMail(target(server.port, { username: account.username, to }), account.password, sample, { caPem })
  await server.settled()
  t.equal(server.received.length, 1)
  const [mail] = server.received
  t.match(mail, { from: 'hoist@example.com', to, login: 'hoist', tls: true })
  await server.settled()
  t.strictSame(server.attempts, [{ attempt: 'hoist', tls: true }])
  const content = mail?.content ?? ''
  t.equal(header(content, 'Subject'), `[Hoist] ${sample.title}`)
  t.match(header(content, 'From'), /Hoist <hoist@example.com>/)
  t.equal(header(content, 'Auto-Submitted'), 'auto-generated')
  t.match(header(content, 'Content-Type'), /text\/plain/)
  const body = content.slice(content.indexOf('\r\n\r\n') + 4)
  const encoding = header(content, 'Content-Transfer-Encoding') ?? ''
  const text = /base64/.test(encoding)
    ? Buffer.from(body, 'base64').toString()
    : Buffer.from(
        body
          .replace(/=\r\n/g, '')
          .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        /quoted/.test(encoding) ? 'latin1' : 'utf8',
      ).toString()
  t.match(text.replaceAll('\r\n', '\n'), sample.text)
  t.match(text, 'runId: r1')
})

t.test('with TLS from the first byte it arrives too', async t => {
  const server = await mailServer(t, { security: 'tls', identity, ...account })
  await sendMail(target(server.port, { security: 'tls', username: 'hoist' }), account.password, sample, { caPem })
  await server.settled()
  t.match(server.received, [{ tls: true, login: 'hoist' }])
})

t.test('a certificate that no known CA signed is refused before anything is said', async t => {
  for (const security of ['tls', 'starttls'] as const) {
    const server = await mailServer(t, { security, identity, ...account })
    const sending = sendMail(target(server.port, { security, username: 'hoist' }), account.password, sample)
    await t.rejects(sending, { code: 'MAIL_FAILED', hint: /certificate/ }, security)
    await server.settled()
    t.strictSame([server.received, server.attempts], [[], []])
  }
})

t.test('a certificate for another host is refused', async t => {
  const server = await mailServer(t, { security: 'starttls', identity })
  const lookup = (rule: AddressRule) =>
    guardedLookup(rule, (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]))
  const sending = sendMail(target(server.port, { host: 'mail.example.com' }), undefined, sample, { caPem, lookup })
  await t.rejects(sending, { code: 'MAIL_FAILED', hint: /certificate/ })
  await server.settled()
  t.strictSame(server.received, [])
})

t.test('a server without STARTTLS gets neither password nor message', async t => {
  const server = await mailServer(t)
  await t.rejects(sendMail(target(server.port, { username: 'hoist' }), 'secret', sample, { caPem }), {
    code: 'MAIL_FAILED',
    hint: /STARTTLS/,
  })
  await server.settled()
  t.strictSame([server.received, server.attempts], [[], []])
})

t.test('without encryption only this machine is sent to', async t => {
  const server = await mailServer(t)
  await sendMail(target(server.port, { security: 'none' }), undefined, sample)
  await server.settled()
  t.match(server.received, [{ tls: false, login: null }])
  await sendMail(target(server.port, { security: 'none', host: 'localhost' }), undefined, sample)
  await server.settled()
  t.equal(server.received.length, 2)
  t.throws(() => checkSmtpTarget(target(25, { security: 'none', host: '192.0.2.1' })), {
    code: 'NOTIFICATION_ADDRESS_REFUSED',
  })
  t.doesNotThrow(() => checkSmtpTarget(target(25, { host: '192.0.2.1' })))
  t.throws(() => checkSmtpTarget(target(25, { host: '169.254.169.254' })), { code: 'NOTIFICATION_ADDRESS_REFUSED' })
})

t.test('a wrong password is named as such, and stands in no error', async t => {
  const server = await mailServer(t, { security: 'starttls', identity, ...account })
  const error = await sendMail(target(server.port, { username: 'hoist' }), 'wrong-secret', sample, { caPem }).catch(
    (thrown: Error) => thrown,
  )
  t.match(error, { code: 'MAIL_FAILED', hint: /user name and password/ })
  t.notMatch(`${error?.message} ${error?.stack}`, /wrong-secret/)
})

t.test('recipients that are refused for good are named; the others have the message', async t => {
  const server = await mailServer(t, { refuse: { 'gone@example.com': '550 no such user' } })
  const plain = { security: 'none' as const }
  const both = sendMail(
    target(server.port, { ...plain, to: ['ops@example.com', 'gone@example.com'] }),
    undefined,
    sample,
  )
  await t.rejects(both, { code: 'MAIL_PARTLY_REFUSED', message: /gone@example\.com/ })
  await server.settled()
  t.match(server.received, [{ to: ['ops@example.com'] }])
  const alone = sendMail(target(server.port, { ...plain, to: ['gone@example.com'] }), undefined, sample)
  await t.rejects(alone, { code: 'MAIL_FAILED', message: /no such user/ })
})

t.test('recipients that are refused for now are worth another try', async t => {
  const server = await mailServer(t, { refuse: { 'grey@example.com': '450 come back later' } })
  const to = ['ops@example.com', 'grey@example.com']
  await t.rejects(sendMail(target(server.port, { security: 'none', to }), undefined, sample), { code: 'MAIL_FAILED' })
})

t.test('a server that refuses the message, is silent, slow or away says so in time', async t => {
  const plain = { security: 'none' as const }
  const full = await mailServer(t, { dataAnswer: '452 insufficient storage' })
  await t.rejects(sendMail(target(full.port, plain), undefined, sample), { message: /insufficient storage/ })
  const silent = await mailServer(t, { silent: true })
  await t.rejects(sendMail(target(silent.port, plain), undefined, sample, { silenceMs: 200 }), {
    code: 'MAIL_FAILED',
    message: /no answer in time/,
  })
  const slow = await mailServer(t, { delayMs: 5_000 })
  await t.rejects(sendMail(target(slow.port, plain), undefined, sample, { timeoutMs: 500 }), {
    code: 'MAIL_FAILED',
    message: /no answer in time/,
  })
  const reason = new Error('stop')
  await t.rejects(sendMail(target(slow.port, plain), undefined, sample, { signal: AbortSignal.abort(reason) }), reason)
  await full.stop()
  await t.rejects(sendMail(target(full.port, plain), undefined, sample), { code: 'MAIL_FAILED', hint: /./ })
})

t.test('line breaks in names begin no header, and a lone dot ends no message', async t => {
  const server = await mailServer(t)
  const title = 'web01\r\nBcc: thief@example.com\n\nbody\u2028x'
  const details = { server: 'a\r\nTo: b' }
  await sendMail(target(server.port, { security: 'none' }), undefined, {
    ...sample,
    title,
    details,
    text: 'a\r\n.\r\nb',
  })
  await server.settled()
  const [mail] = server.received
  t.strictSame(mail?.to, ['ops@example.com'])
  const headers = mail?.content.split('\r\n\r\n')[0] ?? ''
  t.notMatch(headers, /^bcc:/im)
  t.equal(headers.match(/^to:/gim)?.length, 1)
  t.match(mail?.content, /\r\na\r\n\.\.?\r\nb/)
})
