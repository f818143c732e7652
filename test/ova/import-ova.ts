// Deploys an OVA into the lab's vCenter by govc, and keeps account of the bytes that a host would have been sent.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { makeKey, readKey, selfSigned } from '../../appliance/make-certificate.ts'
import type { Lab } from '../lab/lab.ts'
import { tools } from '../lab/tools.ts'
import { run } from './sample.ts'

export interface Received {
  /** As the lease names it: `disk-0.vmdk`, in the order of the descriptor. */
  name: string
  sizeBytes: number
  sha256: string
}

/** govc as the lab's administrator. */
export async function govc(lab: Lab, args: readonly string[]): Promise<string> {
  const { url, admin } = lab.vcenter
  const env = {
    GOVC_URL: url,
    GOVC_USERNAME: admin.username,
    GOVC_PASSWORD: admin.password,
    GOVC_INSECURE: '1',
    GOVC_PERSIST_SESSION: 'false',
  }
  return (await run(tools.govc, [...args], { env, maxBuffer: 64 * 2 ** 20 })).stdout
}

/**
 * `govc import.ova`. The simulator makes the VM from the descriptor; where it sends the uploads is a setting of its own,
 * and here they go to a server that stands for the ESXi host.
 */
export async function importOva(
  lab: Lab,
  options: { ova: string; optionsPath: string; name: string },
): Promise<Received[]> {
  await using host = await startReceivingHost()
  await govc(lab, ['option.set', 'vcsim.server.url', host.url])
  await govc(lab, ['import.ova', '-name', options.name, `-options=${options.optionsPath}`, options.ova])
  return host.received.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function startReceivingHost() {
  const key = makeKey()
  const privateKey = readKey(key.toString())
  if (privateKey === undefined) throw new Error('the key that was just made cannot be read')
  const cert = selfSigned(privateKey, 'localhost', { now: new Date(), days: 1 })
  const received: Received[] = []
  const server = createServer({ key, cert }, (request, response) => {
    const hash = createHash('sha256')
    let sizeBytes = 0
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length
    })
    pipeline(request, hash).then(
      () => {
        received.push({ name: request.url?.split('/').at(-1) ?? '', sizeBytes, sha256: hash.digest('hex') })
        response.end()
      },
      error => response.destroy(error),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
