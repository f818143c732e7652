// What is wrong with the fields of the setup, before the appliance is asked: each check gives words, or undefined. Pure.
import { s } from '../locale/en-setup.ts'

/** What stands wrong in a form, by the name of the field. */
export type Errors<Name extends string = string> = Partial<Record<Name, string | undefined>>

export const hasErrors = (errors: Errors): boolean => Object.values(errors).some(error => error !== undefined)

const unless = (fits: boolean, words: string): string | undefined => (fits ? undefined : words)

/** The letters and digits of a setup code, as the appliance compares them. */
export const codeLength = (code: string): number => [...code.replace(/[^\p{L}\p{N}]/gu, '')].length
export const wholeCode = 16
/** Whether it could be a code: one of the console's, or one that was given at the deployment. */
export const mayBeCode = (code: string): boolean =>
  codeLength(code) === wholeCode || /^[\x20-\x7e]{12,64}$/.test(code.trim())

export const nameError = (name: string) =>
  unless(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name.trim()), s.password.nameWrong)

/** Empty is none: AWS is reached without one. */
export function proxyError(entered: string): string | undefined {
  const text = entered.trim()
  const fits = text === '' || (/^https?:\/\/[^@/\s?#]+\/?$/.test(text) && text.length <= 512 && URL.canParse(text))
  return unless(fits, s.network.urlWrong)
}

/** Empty is the public endpoint. */
export function endpointError(entered: string): string | undefined {
  const text = entered.trim()
  const fits = text === '' || (/^https?:\/\/[^@\s]+$/.test(text) && text.length <= 512 && URL.canParse(text))
  return unless(fits, s.aws.endpointWrong)
}

export function regionError(entered: string): string | undefined {
  const text = entered.trim()
  if (text === '') return s.aws.regionNeeded
  return unless(/^[a-z]{2,4}(-[a-z]+)+-[0-9]+$/.test(text) && text.length <= 32, s.aws.regionWrong)
}

export function accessKeyIdError(entered: string): string | undefined {
  const text = entered.trim()
  if (text === '') return s.aws.accessKeyIdNeeded
  return unless(/^[A-Z0-9]{16,128}$/.test(text), s.aws.accessKeyIdWrong)
}

export function secretError(entered: string): string | undefined {
  const text = entered.trim()
  if (text === '') return s.aws.secretNeeded
  return unless(/^[\x21-\x7e]{16,256}$/.test(text), s.aws.secretWrong)
}

export const sessionTokenError = (entered: string) =>
  unless(/^[\x21-\x7e]{0,8192}$/.test(entered.trim()), s.aws.sessionWrong)

export function roleArnError(entered: string): string | undefined {
  const text = entered.trim()
  const fits = text === '' || /^arn:[a-z-]+:iam::[0-9]{12}:role\/[A-Za-z0-9+=,.@_/-]+$/.test(text)
  return unless(fits && text.length <= 2048, s.aws.roleWrong)
}

export function externalIdError(entered: string): string | undefined {
  const text = entered.trim()
  return unless(text === '' || /^[A-Za-z0-9+=,.@:/_-]{2,1224}$/.test(text), s.aws.externalIdWrong)
}

export const importRoleError = (entered: string) =>
  unless(/^[A-Za-z0-9+=,.@_-]{0,64}$/.test(entered.trim()), s.aws.importRoleWrong)

/** `host[:port]` of what was entered: an address out of the browser's bar as well. */
export function hostOf(entered: string): string {
  return entered
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/[/?#].*$/s, '')
}

export function hostError(entered: string): string | undefined {
  const host = hostOf(entered)
  if (host === '') return s.vcenter.hostNeeded
  const match = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(host)
  const port = Number(match?.[1] ?? 443)
  return unless(match !== null && port >= 1 && port <= 65_535 && host.length <= 259, s.vcenter.hostWrong)
}

export function caPemError(entered: string): string | undefined {
  const form = /^-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/
  return unless(form.test(entered.trim()) && entered.length <= 65_536, s.vcenter.caPemWrong)
}
