// Starts mail_server.py: a mail server that is not by the author of our client.
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { ensureTools, tools } from '../lab/tools.ts'
import type { Identity } from '../vsphere/tls-server.ts'

export interface MailServerOptions {
  security?: 'tls' | 'starttls'
  identity?: Identity
  username?: string
  password?: string
  /** SMTP's answer to these recipients. */
  refuse?: Record<string, string>
  dataAnswer?: string
  delayMs?: number
  /** Takes connections and says nothing. */
  silent?: boolean
}

export interface ReceivedMail {
  from: string
  to: string[]
  content: string
  login: string | null
  tls: boolean
}

export interface MailServer {
  port: number
  received: ReceivedMail[]
  /** User names that came with a password, and whether it came encrypted. */
  attempts: { attempt: string; tls: boolean }[]
  /** Waits until all that came so far stands in `received` and `attempts`. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** Runs until the test ends. */
export async function mailServer(t: Test, options: MailServerOptions = {}): Promise<MailServer> {
  await ensureTools(['python'])
  const { identity, ...rest } = options
  const directory = t.testdir()
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  if (identity) {
    await writeFile(files.cert, identity.certificatePem)
    await writeFile(files.key, identity.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  }
  const script = join(import.meta.dirname, 'mail_server.py')
  const child = spawn(tools.python, [script, JSON.stringify({ ...rest, ...(identity ? files : {}) })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const received: ReceivedMail[] = []
  const attempts: MailServer['attempts'] = []
  const told: (() => void)[] = []
  const settled = () =>
    new Promise<void>(resolve => {
      told.push(resolve)
      child.stdin.write('\n')
    })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const port = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    void exited.then(() => reject(new Error('the mail server ended')))
    createInterface({ input: child.stdout }).on('line', text => {
      const said = JSON.parse(text) as { port?: number; attempt?: string; said?: boolean }
      if (said.port !== undefined) resolve(said.port)
      else if (said.said) told.shift()?.()
      else if (said.attempt !== undefined) attempts.push(said as MailServer['attempts'][number])
      else {
        const mail = said as ReceivedMail
        received.push({ ...mail, content: Buffer.from(mail.content, 'base64').toString() })
      }
    })
  })
  const stop = async () => {
    child.kill()
    await exited
  }
  t.teardown(stop)
  return { port, received, attempts, settled, stop }
}
