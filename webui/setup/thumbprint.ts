// Comparing a certificate's thumbprint with one that was pasted. Pure.

export type Comparison = 'same' | 'different' | 'incomplete'

interface Thumbprints {
  thumbprintSha256: string
  thumbprintSha1: string
}

/** Colons, blanks, case and a leading "SHA256 Fingerprint=" do not matter. Undefined when nothing was entered. */
export function compareThumbprint(entered: string, certificate: Thumbprints): Comparison | undefined {
  const given = plain(entered.replace(/^\s*sha-?(?:256|1)\b(?:[^=:]*[=:])?/i, ''))
  if (entered.trim() === '') return undefined
  if (!/^([0-9A-F]{40}|[0-9A-F]{64})$/.test(given)) return 'incomplete'
  const known = given.length === 64 ? certificate.thumbprintSha256 : certificate.thumbprintSha1
  return given === plain(known) ? 'same' : 'different'
}

const plain = (text: string): string => text.replace(/[\s:-]/g, '').toUpperCase()
