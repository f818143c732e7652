// The lab as a machine in qemu reaches it: behind 10.0.2.2, and its AWS by TLS as AWS is.
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { createServer, type Server } from 'node:tls'
import { type Lab, type LabConfig, startLab } from '../lab/lab.ts'
import { run } from '../lab/tools.ts'
import { type ProxyOutside, startProxy } from './proxy-outside.ts'

/** What the loopback of this machine is to a guest of qemu's user network. */
export const gateway = '10.0.2.2'

export interface LabOutside extends AsyncDisposable {
  lab: Lab
  /** HOST:PORT of vCenter. */
  vcenterHost: string
  awsEndpoint: string
  /** PEM: who has signed the certificate of `awsEndpoint`. */
  authority: string
  /** On the way to AWS. */
  proxy: ProxyOutside
}

export async function startLabOutside(config: LabConfig): Promise<LabOutside> {
  const { key, certificate } = await ownCertificate()
  const lab = await startLab({ config })
  try {
    const aws = new URL(lab.aws.endpoint)
    const server = createServer({ key, cert: certificate }, socket => {
      const onward = connect(Number(aws.port), aws.hostname)
      pipeline(socket, onward, socket, () => undefined) // whoever breaks off, both sides end
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = await startProxy(gateway)
    return {
      lab,
      proxy,
      vcenterHost: `${gateway}:${lab.vcenter.host.split(':')[1]}`,
      awsEndpoint: `https://${gateway}:${portOf(server)}`,
      authority: certificate,
      async [Symbol.asyncDispose]() {
        server.close()
        await proxy[Symbol.asyncDispose]()
        await lab.stop()
      },
    }
  } catch (error) {
    await lab.stop()
    throw error
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen')
  return address.port
}

async function ownCertificate(): Promise<{ key: string; certificate: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-authority-'))
  try {
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
    const name = ['-subj', '/CN=Hoist test', '-addext', `subjectAltName=IP:${gateway}`]
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    await run('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', certificate])
    return { key: await readFile(key, 'utf8'), certificate: await readFile(certificate, 'utf8') }
  } finally {
    await rm(directory, { recursive: true })
  }
}
