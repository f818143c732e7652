// Small HTTPS servers for what a whole lab is too polite to send: any status, any body, any certificate.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

export interface Identity {
  commonName: string
  certificatePem: string
  privateKey: KeyObject
}

export interface IdentityOptions {
  commonName?: string
  notBefore?: Date
  notAfter?: Date
  /** Who signs; absent: itself. */
  issuer?: Identity
  isCa?: boolean
}

/** A key pair with a certificate for `127.0.0.1`, written as DER by hand (RFC 5280): no library of the appliance takes part. */
export function makeIdentity(options: IdentityOptions = {}): Identity {
  const { commonName = 'vcenter.test', issuer, isCa = false } = options
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const day = 86_400_000
  const algorithm = der(0x30, oid('1.2.840.10045.4.3.2'))
  const extension = (id: string, value: Buffer) => der(0x30, oid(id), der(0x04, value))
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer?.commonName ?? commonName),
    der(
      0x30,
      time(options.notBefore ?? new Date(Date.now() - day)),
      time(options.notAfter ?? new Date(Date.now() + day)),
    ),
    distinguishedName(commonName),
    publicKey.export({ format: 'der', type: 'spki' }),
    der(
      0xa3,
      der(
        0x30,
        extension('2.5.29.19', der(0x30, ...(isCa ? [der(0x01, Buffer.of(255))] : []))),
        extension('2.5.29.17', der(0x30, der(0x87, Buffer.of(127, 0, 0, 1)))),
      ),
    ),
  )
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey)
  const certificate = der(0x30, body, algorithm, der(0x03, Buffer.of(0), signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  const certificatePem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  return { commonName, certificatePem, privateKey }
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 128) return Buffer.concat([Buffer.of(tag, content.length), content])
  return Buffer.concat([Buffer.of(tag, 0x82, content.length >> 8, content.length & 255), content])
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const digits = [part & 127]
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128)
    bytes.push(...digits)
  }
  return der(0x06, Buffer.from(bytes))
}

function distinguishedName(commonName: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))))
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`))
}

export interface TlsServer {
  /** `127.0.0.1:port` */
  host: string
  close(): Promise<void>
}

/** Serves on a port of the system's choice until closed. */
export async function serveTls(identity: Identity, listener: RequestListener): Promise<TlsServer> {
  const server = createServer(
    {
      cert: identity.certificatePem,
      key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    },
    listener,
  )
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
