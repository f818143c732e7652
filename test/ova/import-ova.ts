// Deploys an OVA into the lab's vCenter by govc, and says which bytes vCenter was sent.
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

/** `govc import.ova`. */
export async function importOva(
  lab: Lab,
  options: { ova: string; optionsPath: string; name: string },
): Promise<Received[]> {
  type Entry = { number: number; method: string; path?: string; bytes?: number; sha256?: string }
  const since = (await lab.vcenterControl<Entry[]>('GET', '/requests')).at(-1)?.number ?? 0
  await govc(lab, ['import.ova', '-name', options.name, `-options=${options.optionsPath}`, options.ova])
  const entries = await lab.vcenterControl<Entry[]>('GET', `/requests?since=${since}`)
  return entries
    .flatMap(({ path = '', bytes, sha256 }) =>
      bytes === undefined || sha256 === undefined
        ? []
        : [{ name: path.split('/').at(-1) ?? '', sizeBytes: bytes, sha256 }],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
