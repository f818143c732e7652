// Boots an appliance and waits until console and web server say the same: what every other proof stands on.
import { type ConsoleFacts, consoleFacts } from './console-text.ts'
import { fingerprintAt, getHttps } from './outside.ts'
import type { Vm } from './vm.ts'

export interface FirstAnswer {
  /** Of the certificate that answers, SHA-256 as Node writes it. */
  fingerprint: string
  /** From the power button to the first HTTPS answer. */
  httpsSeconds: number
}

export interface ConsoleAnswer extends FirstAnswer, ConsoleFacts {
  /** From the power button to the console that shows the certificate. */
  consoleSeconds: number
}

/** Longest that a boot takes, emulated, with other work beside it. */
export const bootMs = 900_000

/** For a machine without a serial line. @throws VmError when it does not come in time */
export async function httpsAnswer(vm: Vm): Promise<FirstAnswer> {
  const fingerprint = await vm.until('an HTTPS answer', bootMs, () => fingerprintAt(vm.ports[443]))
  const httpsSeconds = vm.seconds
  const { status, text } = await getHttps(vm.ports[443], '/', fingerprint)
  if (status !== 200 || !/<title>/.test(text))
    throw new Error(`GET / is answered with ${status}: ${text.slice(0, 200)}`)
  return { fingerprint, httpsSeconds }
}

/**
 * What stands on the screen, where it is in text mode, or came over the serial line: an emulated serial port was seen to lose its
 * interrupt when it was closed and opened again ("No irq handler for vector"), and was silent from then on.
 */
export async function shownBy(vm: Vm): Promise<ConsoleFacts | undefined> {
  return consoleFacts(await vm.screenText()) ?? consoleFacts(vm.serial)
}

/** The certificate that the console shows is the one that answers. @throws VmError when it does not come in time */
export async function firstAnswer(vm: Vm): Promise<ConsoleAnswer> {
  const answer = await httpsAnswer(vm)
  const facts = await vm.until("the console with the certificate's SHA-256", bootMs, () => shownBy(vm))
  if (facts.fingerprint !== answer.fingerprint) {
    throw new Error(`the console shows ${facts.fingerprint}, and ${answer.fingerprint} answers`)
  }
  return { ...facts, ...answer, consoleSeconds: vm.seconds }
}
