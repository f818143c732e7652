// The passphrase of an export as it is typed: what is wrong with it.
import { b } from '../locale/en-backups.ts'

/** As the API wants it. */
const shortest = 12

/** By field; empty when it can be sent. */
export function passphraseErrors(passphrase: string, again: string): { passphrase?: string; again?: string } {
  if ([...passphrase].length < shortest) return { passphrase: b.tooShort(shortest) }
  return passphrase === again ? {} : { again: b.notTheSame }
}
