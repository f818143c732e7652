// A public key as a line of authorized_keys: its kind, its bytes and a comment, and never an option. Source: sshd(8), RFC 4253.

const kinds = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]

/** The line to be written; undefined for whatever is no single public key. */
export function authorizedKey(given: string): string | undefined {
  const [, kind = '', encoded = '', comment = ''] =
    /^([a-z0-9@.-]+) +([A-Za-z0-9+/]{40,8000}={0,2})(?: +([\x21-\x7e][\x20-\x7e]*))?$/.exec(given.trim()) ?? []
  if (!kinds.includes(kind)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  // The bytes begin with the kind, its length before it: a line that was cut or put together wrongly does not.
  if (bytes.length < 4 + kind.length || bytes.readUInt32BE(0) !== kind.length) return undefined
  if (bytes.toString('latin1', 4, 4 + kind.length) !== kind || !isWhole(bytes)) return undefined
  return [kind, encoded, ...(comment === '' ? [] : [comment])].join(' ')
}

/** Fields with their lengths before them, up to the last byte. */
function isWhole(bytes: Buffer): boolean {
  let offset = 0
  while (offset + 4 <= bytes.length) offset += 4 + bytes.readUInt32BE(offset)
  return offset === bytes.length
}
