// Root's shell in the appliance, by a key of the run; its host key is the one of the first connection.
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureTools, run } from '../lab/tools.ts'

export interface SshKey {
  directory: string
  /** One line, as `authorized_keys` has it. */
  publicKey: string
}

export async function makeSshKey(directory: string): Promise<SshKey> {
  await ensureTools(['image'])
  const file = join(directory, 'ssh-key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'admin@example.com', '-f', file])
  return { directory, publicKey: (await run('cat', [`${file}.pub`])).trim() }
}

/** What a command in the guest prints. @throws CommandError when ssh or the command fails */
export async function inGuest({ directory }: SshKey, port: number, command: string): Promise<string> {
  const options = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: knownHosts(directory, port),
    HashKnownHosts: 'no',
    IdentitiesOnly: 'yes',
    ConnectTimeout: '60',
    // A guest that stands still is given up after four minutes.
    ServerAliveInterval: '60',
    ServerAliveCountMax: '4',
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return await run('ssh', [...words, '-i', join(directory, 'ssh-key'), '-p', `${port}`, 'root@127.0.0.1', command])
}

/** The host key of the first connection, which is not expected any more. @throws when there was no connection */
export async function forgetHostKey({ directory }: SshKey, port: number): Promise<string> {
  const file = knownHosts(directory, port)
  const text = await readFile(file, 'utf8')
  await rm(file)
  return text
}

function knownHosts(directory: string, port: number): string {
  return join(directory, `known-hosts-${port}`)
}
