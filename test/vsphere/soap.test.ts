// The SOAP client against servers that misbehave in ways a whole lab does not.

import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { SoapClient, type SoapClientOptions } from '../../appliance/vsphere/soap.ts'
import { reference } from '../../appliance/vsphere/vim.ts'
import { textAt, type XmlElement } from '../../appliance/vsphere/xml.ts'
import { makeIdentity, serveTls } from './tls-server.ts'

const identity = makeIdentity()

function envelope(body: string): string {
  return `<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><e:Body>${body}</e:Body></e:Envelope>`
}

async function clientOf(t: Test, listener: RequestListener, options: Partial<SoapClientOptions> = {}) {
  const server = await serveTls(identity, listener)
  const trust = { kind: 'pinned', certificatePem: identity.certificatePem } as const
  const client = new SoapClient({ host: server.host, trust, ...options })
  t.teardown(async () => {
    client.close()
    await server.close()
  })
  return client
}

t.test('a call carries method, arguments, version and cookie, over one kept connection', async t => {
  const seen: { action: unknown; cookie: unknown; body: string; port: unknown }[] = []
  const client = await clientOf(t, (request, response) => {
    let body = ''
    request.on('data', piece => {
      body += piece
    })
    request.on('end', () => {
      const { soapaction, cookie } = request.headers
      seen.push({ action: soapaction, cookie, body, port: request.socket.remotePort })
      response.setHeader('set-cookie', 'vmware_soap_session="abc-1"; Path=/; HttpOnly; Secure;')
      response.end(envelope('<LoginResponse xmlns="urn:vim25"><returnval><key>k</key></returnval></LoginResponse>'))
    })
  })
  const args = { _this: reference('SessionManager', 'SessionManager'), userName: 'a<b', password: 'p&q' }
  t.equal(textAt(await client.call('Login', args), 'returnval', 'key'), 'k')
  client.apiVersion = '8.0.2.0'
  await client.call('Login', args)
  t.equal(seen[0]?.action, '"urn:vim25/6.5"')
  t.equal(seen[1]?.action, '"urn:vim25/8.0.2.0"')
  t.equal(seen[0]?.cookie, undefined)
  t.equal(seen[1]?.cookie, 'vmware_soap_session="abc-1"')
  t.equal(seen[0]?.port, seen[1]?.port)
  t.match(
    seen[0]?.body,
    '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>a&lt;b</userName><password>p&amp;q</password></Login>',
  )
})

t.test('faults arrive by the names of the vim25 schema', async t => {
  const faults: Record<string, string> = {
    InvalidLogin: 'VCENTER_LOGIN_FAILED',
    NotAuthenticated: 'VCENTER_SESSION_LOST',
    NoDiskSpace: 'DATASTORE_FULL',
    ApplicationQuiesceFault: 'QUIESCE_FAILED',
    TaskInProgress: 'SERVER_BUSY',
    ManagedObjectNotFound: 'SERVER_GONE',
    SnapshotFault: 'SNAPSHOT_FAILED',
    SomethingNew: 'VCENTER_FAULT',
  }
  let name = ''
  let fields = ''
  let text = 'in its words'
  const client = await clientOf(t, (_, response) => {
    response.statusCode = 500
    const detail = `<${name}Fault xmlns="urn:vim25" xmlns:o="urn:vim25" i:type="o:${name}">${fields}</${name}Fault>`
    response.end(
      envelope(
        `<e:Fault><faultcode>x</faultcode><faultstring>${text}</faultstring><detail>${detail}</detail></e:Fault>`,
      ),
    )
  })
  for (const [fault, code] of Object.entries(faults)) {
    name = fault
    await t.rejects(client.call('X', {}), { code, fault, message: `X failed: ${fault}: in its words` }, fault)
  }
  name = 'NoPermission'
  fields = '<object type="VirtualMachine">vm-1</object><privilegeId>VApp.Export</privilegeId>'
  await t.rejects(client.call('X', {}), { code: 'VCENTER_PERMISSION_MISSING', message: /\(VApp\.Export\)$/ })
  name = 'GenericVmConfigFault'
  text = 'There is not enough space on the file system'
  await t.rejects(client.call('X', {}), { code: 'DATASTORE_FULL', fault: 'GenericVmConfigFault' })
})

t.test('an answer that is not SOAP, not UTF-8, a document type, or too large is refused', async t => {
  let body: string | Buffer = ''
  let status = 200
  const client = await clientOf(t, (_, response) => response.writeHead(status).end(body), { maxBodyBytes: 10_000 })
  const refused = { code: 'VCENTER_PROTOCOL' }
  const bodies = [
    '',
    '<html><body>Sign in<br></body></html>',
    envelope('<OtherResponse/>'),
    `<!DOCTYPE x [<!ENTITY a "b">]>${envelope('<XResponse/>')}`,
    Buffer.concat([Buffer.from(envelope('<XResponse>')), Buffer.of(0xc3, 0x28)]),
    envelope(`<XResponse><returnval>${'x'.repeat(20_000)}</returnval></XResponse>`),
  ]
  for (body of bodies) await t.rejects(client.call('X', {}), refused)
  body = envelope('<XResponse/>')
  await t.resolves(client.call('X', {}))
  for (status of [302, 401, 404]) await t.rejects(client.call('X', {}), refused)
  status = 503
  await t.rejects(client.call('X', {}), { code: 'VCENTER_UNREACHABLE', message: /HTTP 503/ })
})

t.test('an answer that does not come, or does not end, is given up after the time-out', async t => {
  const client = await clientOf(
    t,
    (_, response) => {
      response.write('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">')
    },
    { timeoutMs: 150 },
  )
  await t.rejects(client.call('X', {}), { code: 'VCENTER_UNREACHABLE', message: /no answer in time/, hint: /\S/ })
})

t.test('an abort ends a call with its own reason', async t => {
  const abort = new AbortController()
  const client = await clientOf(t, () => abort.abort(new Error('the user cancelled')))
  await t.rejects(client.call('X', {}, { signal: abort.signal }), { message: 'the user cancelled' })
  await t.rejects(client.call('X', {}, { signal: abort.signal }), { message: 'the user cancelled' })
})

t.test('a kept connection that vCenter closed is replaced for a call that only reads, and for no other', async t => {
  let calls = 0
  const client = await clientOf(t, (request, response) => {
    calls += 1
    // The second request on any connection finds it closed, as after an idle time-out on the other side.
    const socket = request.socket as typeof request.socket & { used?: boolean }
    if (socket.used) return void socket.destroy()
    socket.used = true
    response.end(envelope('<CurrentTimeResponse/><CreateSnapshot_TaskResponse/>'))
  })
  await client.call('CurrentTime', {})
  await client.call('CurrentTime', {})
  t.equal(calls, 3)
  t.equal(client.retries, 1)
  await client.call('CreateSnapshot_Task', {})
  await t.rejects(client.call('CreateSnapshot_Task', {}), { code: 'VCENTER_UNREACHABLE' })
  t.equal(client.retries, 1, 'a snapshot that may have been made is not asked for again')
})

t.test('objects are handed over while the answer is still arriving', async t => {
  const names: (string | undefined)[] = []
  const object = (name: string) => `<objects><obj type="VirtualMachine">${name}</obj></objects>`
  const client = await clientOf(t, (_, response) => {
    response.write(
      `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>${object('vm-1')}`,
    )
    const finish = () =>
      response.end(`${object('vm-2')}<token>t</token></returnval></RetrievePropertiesExResponse></e:Body></e:Envelope>`)
    firstSeen.promise.then(finish, finish)
  })
  const firstSeen = Promise.withResolvers<void>()
  const onObject = (element: XmlElement) => {
    names.push(textAt(element, 'obj'))
    firstSeen.resolve()
  }
  const answer = await client.call('RetrievePropertiesEx', {}, { onObject })
  t.same(names, ['vm-1', 'vm-2'])
  t.equal(textAt(answer, 'returnval', 'token'), 't')
  t.equal(textAt(answer, 'returnval', 'objects'), undefined)
})
