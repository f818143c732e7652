// A TPM in the machine: the key of the secrets lies sealed on the data disk, and neither another TPM nor the way back loses anything.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestAnswer } from '../../appliance/api/schemas/notifications.ts'
import type { TokenMade } from '../../appliance/api/schemas/tokens.ts'
import { run } from '../lab/tools.ts'
import { plainText } from './console-text.ts'
import { deployedDisks, type Unpacked } from './disks.ts'
import { type FirstAnswer, firstAnswer, shownBy } from './first-answer.ts'
import { Remote } from './remote.ts'
import { Vm } from './vm.ts'
import { administrator } from './wizard.ts'

const shutDownMs = 180_000
const consoleMs = 120_000

/** To the appliance's own redirect, which takes no message: but to ask it, the message is signed by the key. */
const channel = {
  name: 'sealed',
  events: [],
  target: { kind: 'webhook', url: 'http://127.0.0.1/hook', signingKey: 'a-signing-key-to-be-sealed' },
}
const readable = 'WEBHOOK_FAILED: 127.0.0.1 answered with HTTP status 308.'

/** Three boots of one pair of disks: with a new TPM, with another one, and with the first one again. */
export async function vtpm(unpacked: Unpacked): Promise<string> {
  const disks = await deployedDisks(unpacked, 'vtpm')
  const tpm = { own: join(unpacked.directory, 'vtpm-own'), other: join(unpacked.directory, 'vtpm-other') }
  for (const directory of Object.values(tpm)) await mkdir(directory)

  const { token, channelId } = await booted(disks, tpm.own, begin)
  const sealed = await keyFiles(unpacked, disks)
  expectNames(sealed, /^secrets\.key\.sealed$/)
  const blob = sealed.get('secrets.key.sealed') ?? ''
  if (!/^[A-Za-z0-9+/=\s]{200,}$/.test(blob)) throw new Error(`that is no credential of systemd: ${blob.slice(0, 80)}`)

  const lost = await booted(disks, tpm.other, async (vm, facts) => {
    await vm.until('what the console says of the other TPM', consoleMs, () =>
      /sealed by another TPM\.\s+Bring/.test(plainText(vm.serial)) ? true : undefined,
    )
    return await asked(vm, facts, token, channelId)
  })
  if (!lost.startsWith('SECRET_UNREADABLE: ')) throw new Error(`with another TPM the secret is answered with ${lost}`)
  const aside = await keyFiles(unpacked, disks)
  expectNames(aside, /^secrets\.key\.sealed(\.foreign-\w+)?$/)
  const kept = [...aside].filter(([name, text]) => name.includes('.foreign-') && text === blob)
  if (kept.length !== 1) throw new Error(`the first TPM's blob is not kept: ${[...aside.keys()]}`)

  const back = await booted(disks, tpm.own, (vm, facts) => asked(vm, facts, token, channelId))
  if (back !== readable) throw new Error(`with its TPM again the secret is answered with ${back}`)
  expectNames(await keyFiles(unpacked, disks), /^secrets\.key\.sealed(\.foreign-\w+)?$/)
  return 'the key lies sealed; another TPM is told on the console, signs in, reads no secret and keeps the blob; with its own TPM again every secret is readable'
}

/** Claims the appliance, and stores a token and a secret. */
async function begin(vm: Vm, { fingerprint }: FirstAnswer): Promise<{ token: string; channelId: string }> {
  const code = await vm.until('the setup code', consoleMs, async () => (await shownBy(vm))?.setupCode)
  const remote = await Remote.claim(vm.ports[443], fingerprint, code, administrator)
  const { token } = await remote.call<TokenMade>('POST', '/api/tokens', { name: 'vtpm', readOnly: false })
  const { id } = await remote.call<{ id: string }>('POST', '/api/notifications/channels', channel)
  const answer = await tried(remote, id)
  if (answer !== readable) throw new Error(`the test of the channel is answered with ${answer}`)
  return { token, channelId: id }
}

/** What needs no secret works, by password and by token; resolves with the answer of what does need one. */
async function asked(vm: Vm, { fingerprint }: FirstAnswer, token: string, channelId: string): Promise<string> {
  await Remote.signIn(vm.ports[443], fingerprint, administrator)
  return await tried(Remote.withToken(vm.ports[443], fingerprint, token), channelId)
}

async function tried(remote: Remote, channelId: string): Promise<string> {
  const { error } = await remote.call<TestAnswer>('POST', `/api/notifications/channels/${channelId}/test`)
  return error ? `${error.code}: ${error.message}` : 'delivered'
}

async function booted<T>(disks: string[], tpm: string, act: (vm: Vm, facts: FirstAnswer) => Promise<T>): Promise<T> {
  await using vm = await Vm.start({ firmware: 'bios', devices: 'vmware', disks, tpm })
  const result = await act(vm, await firstAnswer(vm))
  await vm.shutDown(shutDownMs)
  return result
}

/** Name and text of every key file on the data disk, read while nothing runs. */
async function keyFiles({ directory }: Unpacked, [, data = '']: string[]): Promise<Map<string, string>> {
  const raw = join(directory, 'vtpm-data.raw')
  await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', data, raw])
  try {
    const listing = await run('debugfs', ['-R', 'ls -p /', raw])
    const names = [...listing.matchAll(/\/(secrets\.key[^/]*)\//g)].map(([, name = '']) => name)
    const files = new Map<string, string>()
    for (const name of names) files.set(name, await run('debugfs', ['-R', `cat /${name}`, raw]))
    return files
  } finally {
    await rm(raw, { force: true })
  }
}

function expectNames(files: Map<string, string>, allowed: RegExp): void {
  const names = [...files.keys()]
  if (!names.includes('secrets.key.sealed') || names.some(name => !allowed.test(name)))
    throw new Error(`on the data disk there are ${names}`)
}
