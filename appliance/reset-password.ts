// The way back for who forgot a password or is locked out: `npm run reset-password -- NAME`, on the console.
import type { Readable } from 'node:stream'
import { accessService } from './accounts/access-service.ts'
import type { Config } from './config.ts'
import { ApplianceError, toApplianceError } from './errors.ts'
import { askLocal } from './local-api.ts'
import { openStore } from './store/store.ts'

/** A line is far shorter; whatever is longer is no password. Bytes. */
const maxInputBytes = 4096

const usage = `Usage: npm run reset-password -- NAME

Sets a new password for the account NAME, ends its sessions and lifts its lock. The new password is the first line of standard
input; what is typed is not shown. Whether the appliance runs or not, it is done as the user that the appliance runs as, with
the same HOIST_DATA_DIR.`

/** The appliance is on this machine, milliseconds. */
const callTimeoutMs = 30_000

export interface ResetInput {
  /** The new password is its first line. */
  stdin: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown }
  /** For the question, if somebody types. */
  stderr: { write(text: string): unknown }
}

/**
 * Sets a new password, ends the sessions of the account and lifts its lock. While the appliance runs, the database is its own:
 * then it is asked to, with the token of the data directory. Returns a sentence that says what was done; for `--help`
 * how it is used, and nothing is done.
 * @throws {ApplianceError} NOT_FOUND, PASSWORD_WEAK, INVALID_REQUEST; STORE_LOCKED when the appliance runs but does not answer
 */
export async function resetPassword(config: Config, args: readonly string[], input: ResetInput): Promise<string> {
  if (args.includes('--help')) return usage
  const [name, ...others] = args
  if (name === undefined || others.length > 0)
    throw new ApplianceError('INVALID_REQUEST', 'The name of the account is missing.', {
      hint: 'Usage: npm run reset-password -- NAME; the new password is read from standard input.',
    })
  const password = await readPassword(name, input)
  try {
    await resetInStore(config, name, password)
  } catch (thrown) {
    if (toApplianceError(thrown).code !== 'STORE_LOCKED') throw thrown
    await resetByApi(config, name, password)
  }
  return `The password of ${name} is changed; its sessions are ended, and its lock is lifted.`
}

async function resetInStore({ dataDir, secretsKey }: Config, name: string, password: string): Promise<void> {
  const store = await openStore(dataDir, secretsKey)
  try {
    const access = accessService(store, { now: () => new Date() })
    await access.accounts.resetPassword(name, password)
    await store.audit.add({
      at: new Date().toISOString(),
      actor: { kind: 'local', name: 'the console' },
      address: 'console',
      method: 'reset-password',
      route: '',
      target: { name },
      status: 200,
      outcome: 'done',
    })
  } finally {
    store.close()
  }
}

async function resetByApi(config: Config, name: string, password: string): Promise<void> {
  const { items } = (await call(config, 'GET', '/api/accounts')) as { items: { id: string; name: string }[] }
  const account = items.find(item => item.name.toLowerCase() === name.toLowerCase())
  if (!account)
    throw new ApplianceError('NOT_FOUND', `There is no account ${name}.`, {
      hint: `The accounts are ${items.map(item => item.name).join(', ') || 'none yet'}.`,
    })
  await call(config, 'PATCH', `/api/accounts/${account.id}`, { password })
}

/** Calls the appliance on this machine. */
async function call(config: Config, method: string, path: string, body?: object): Promise<unknown> {
  const signal = AbortSignal.timeout(callTimeoutMs)
  const asked = askLocal(config, method, path, { ...(body ? { body } : {}), signal })
  const answer = await asked.catch((cause: unknown) => {
    throw new ApplianceError('STORE_LOCKED', 'The appliance runs, but does not answer on this machine.', {
      cause,
      hint: 'Stop the appliance, reset the password, and start it again.',
    })
  })
  if (answer.status < 400) return answer.body
  const { message = 'The appliance refuses this.', hint = '' } = Object(answer.body)
  const code = answer.status === 422 ? 'PASSWORD_WEAK' : answer.status === 404 ? 'NOT_FOUND' : 'INVALID_REQUEST'
  throw new ApplianceError(code, String(message), { hint: String(hint) })
}

/** The first line. What is typed is not shown. */
async function readPassword(name: string, { stdin, stderr }: ResetInput): Promise<string> {
  const typed = stdin.isTTY === true
  if (typed) stderr.write(`New password for ${name}: `)
  stdin.setRawMode?.(typed)
  let typedText = ''
  try {
    for await (const chunk of stdin) {
      typedText = edited(typedText, String(chunk))
      if (typedText.length > maxInputBytes || ends.some(end => typedText.includes(end))) break
    }
  } finally {
    stdin.setRawMode?.(false)
    if (typed) stderr.write('\n')
  }
  const lengths = ends.map(end => typedText.indexOf(end)).filter(length => length >= 0)
  const password = typedText.slice(0, lengths.length > 0 ? Math.min(...lengths) : undefined)
  if (password !== '' && !typedText.includes(interrupt)) return password
  throw new ApplianceError('INVALID_REQUEST', 'There was no password to read.', {
    hint: 'Type the new password and press Enter, or pipe it in; nothing was changed.',
  })
}

/** What Ctrl-C and Ctrl-D send in raw mode, where the terminal does nothing itself. */
const interrupt = '\u0003'
const ends = ['\r', '\n', interrupt, '\u0004']

/** Backspace takes a character back. */
function edited(line: string, added: string): string {
  let text = line
  for (const character of added)
    text = character === '\u007f' || character === '\b' ? [...text].slice(0, -1).join('') : text + character
  return text
}
