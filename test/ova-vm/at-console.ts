// An admin before the machine: keys pressed on tty1 and on the serial line, and what is read there.
import { createHash } from 'node:crypto'
import { plainText } from './console-text.ts'
import type { Vm } from './vm.ts'

/** The console draws itself anew every few seconds; an emulated machine hashes a password for as long. */
const answerMs = 120_000

/** Presses keys on tty1, and waits until the screen says something. @throws VmError */
export async function atScreen(vm: Vm, keys: string, awaited: RegExp): Promise<string> {
  await vm.type(keys)
  return await onScreen(vm, `${awaited}`, shown => awaited.test(shown))
}

/** Waits until tty1 shows something. @throws Error with what it shows instead */
export async function onScreen(
  vm: Vm,
  what: string,
  isThere: (shown: string) => boolean,
  withinMs = answerMs,
): Promise<string> {
  let last = ''
  return await vm
    .until(`${what} on the screen`, withinMs, async () => {
      last = await vm.screenText()
      return isThere(last) ? last : undefined
    })
    .catch(error => {
      throw new Error(`${error instanceof Error ? error.message.split(';')[0] : error}; it shows:\n${last}`)
    })
}

/** Sets the time servers, from the first screen and back to it. */
export async function setTimeServers(vm: Vm, servers: string): Promise<void> {
  await atScreen(vm, '3', /Time servers/)
  await atScreen(vm, `${servers}\n\n`, /Apply\? \(y\/n\)/)
  await atScreen(vm, 'y', /are in force/)
  await atScreen(vm, '\n', homeScreen)
}

/** Gives the only account another password. */
export async function resetPassword(vm: Vm, password: string): Promise<void> {
  await atScreen(vm, '4', /New password/)
  await atScreen(vm, `\n${password}\n${password}\n\n`, /Apply\? \(y\/n\)/)
  await atScreen(vm, 'y', /its sessions are ended/)
  await atScreen(vm, '\n', homeScreen)
}

/** What the screen says of the certificate. */
export async function readCertificate(vm: Vm): Promise<string> {
  const shown = await atScreen(vm, '5', /SHA-1 /)
  await atScreen(vm, '\n', homeScreen)
  return shown
}

/** The log bundle, as a terminal program would have recorded it. @throws when its sum is another than the console says */
export async function receiveBundle(vm: Vm): Promise<Buffer> {
  vm.write('8')
  await said(vm, /Log bundle over this line/)
  vm.write('5')
  await said(vm, /Names and addresses/)
  vm.write('\r\r\r')
  const text = await said(
    vm,
    /-----BEGIN HOIST LOG BUNDLE-----([\s\S]+?)-----END HOIST LOG BUNDLE-----[\s\S]+?([0-9a-f]{64})/,
  )
  const [, base64 = '', sum] = text
  const bytes = Buffer.from(base64, 'base64')
  const own = createHash('sha256').update(bytes).digest('hex')
  if (own !== sum) throw new Error(`${bytes.length} bytes with the SHA-256 ${own} came; the console says ${sum}`)
  vm.write('\r')
  return bytes
}

/** Types out that everything is to be erased, and says yes. */
export async function eraseEverything(vm: Vm, words: string): Promise<void> {
  await atScreen(vm, '0', /To go on, type/)
  await atScreen(vm, `${words}\n\n`, /Erase everything\? \(y\/n\)/)
  await vm.type('y')
}

const homeScreen = /Number or arrows and Enter: choose\s*$/

async function said(vm: Vm, awaited: RegExp): Promise<RegExpExecArray> {
  return await vm.until(`${awaited} on the serial line`, answerMs, () => {
    // The newest screen counts, and a bundle may be as long as all that is kept.
    return awaited.exec(plainText(vm.serial)) ?? undefined
  })
}
