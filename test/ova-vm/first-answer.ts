// Boots an appliance and waits until console and web server say the same: what every other proof stands on.
import { type ConsoleFacts, consoleFacts } from './console-text.ts'
import { fingerprintAt, getHttps } from './outside.ts'
import type { Vm } from './vm.ts'

export interface FirstAnswer extends ConsoleFacts {
  /** From the power button to the first HTTPS answer, and to the console that shows its certificate. */
  httpsSeconds: number
  consoleSeconds: number
}

/** Longest that a boot takes, emulated, with other work beside it. */
export const bootMs = 600_000

/** The certificate that the console shows is the one that answers. @throws VmError when it does not come in time */
export async function firstAnswer(vm: Vm): Promise<FirstAnswer> {
  const presented = await vm.until('an HTTPS answer', bootMs, () => fingerprintAt(vm.ports[443]))
  const httpsSeconds = vm.seconds
  const facts = await vm.until("the console with the certificate's SHA-256", bootMs, () => consoleFacts(vm.serial))
  if (facts.fingerprint !== presented) {
    throw new Error(`the console shows ${facts.fingerprint}, and ${presented} answers`)
  }
  const { status, text } = await getHttps(vm.ports[443], '/', presented)
  if (status !== 200 || !/<title>/.test(text))
    throw new Error(`GET / is answered with ${status}: ${text.slice(0, 200)}`)
  return { ...facts, httpsSeconds, consoleSeconds: vm.seconds }
}
