// What the first boot has left for the service: a setup code and a proxy out of the deployment. Taken over once, then gone.
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import Type from 'typebox'
import Value from 'typebox/value'
import { readPrivateFile, syncDirectory } from '../private-file.ts'
import type { SettingsRepository } from '../store/settings.ts'

export interface DeploymentGround {
  dataDir: string
  /** Whether there is an administrator: the data disk of a former machine, and nothing of a deployment is taken then. */
  claimed(): Promise<boolean>
  adoptSetupCode(code: string): Promise<void>
  settings: Pick<SettingsRepository, 'getProxy' | 'setProxy'>
  /** For the log. */
  say(text: string): void
}

const Deployment = Type.Object(
  { setupCode: Type.Optional(Type.String()), proxyUrl: Type.Optional(Type.String()) },
  { additionalProperties: false },
)

/**
 * A cut between taking over and removing does both again. The proxy is not proven by use, as it is when it is entered:
 * nothing is known of AWS yet.
 * @throws {ApplianceError} PRIVATE_FILE_UNSAFE
 */
export async function takeOverDeployment(ground: DeploymentGround): Promise<void> {
  const { dataDir, settings, say } = ground
  const path = join(dataDir, 'deployment.json')
  const bytes = await readPrivateFile(path)
  if (!bytes) return
  const deployment = parse(bytes)
  if (!deployment) say('what the deployment has set cannot be read, and is dropped')
  else if (!(await ground.claimed())) {
    const { setupCode, proxyUrl } = deployment
    if (setupCode !== undefined) await ground.adoptSetupCode(setupCode)
    // One that was entered meanwhile is newer.
    if (proxyUrl !== undefined && !(await settings.getProxy())) await settings.setProxy({ url: proxyUrl })
  }
  await unlink(path)
  await syncDirectory(path)
}

function parse(bytes: Buffer) {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return Value.Check(Deployment, value) ? value : undefined
  } catch {
    return undefined // The cause would quote a setup code.
  }
}
