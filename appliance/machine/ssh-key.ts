// A public key as a line of authorized_keys: its kind, its bytes and a comment, and never an option. Source: sshd(8), RFC 4253, RFC 5656, RFC 8709.
import { createHash, createPublicKey } from 'node:crypto'

/** As people compare keys. */
export interface KeyView {
  /** As in the line: `ssh-ed25519`. */
  kind: string
  bits: number
  /** As `ssh-keygen -l` prints it: `SHA256:...`. */
  fingerprint: string
  comment: string
}

export interface PublicKey {
  /** To be written: one line, without its end. */
  line: string
  view: KeyView
}

const curves: Readonly<Record<string, { crv: string; bits: number }>> = {
  nistp256: { crv: 'P-256', bits: 256 },
  nistp384: { crv: 'P-384', bits: 384 },
  nistp521: { crv: 'P-521', bits: 521 },
}
/** What sshd takes of RSA on the appliance (RequiredRSASize in 00-hoist.conf), and what OpenSSH knows at most. */
const rsaBits = { min: 2048, max: 16_384 }

/** Undefined for whatever is no single public key that sshd takes here. */
export function parsePublicKey(given: string): PublicKey | undefined {
  const [, kind = '', encoded = '', comment = ''] =
    /^([a-z0-9@.-]+) +([A-Za-z0-9+/]{40,8000}={0,2})(?: +([\x21-\x7e][\x20-\x7e]*))?$/.exec(given.trim()) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  // Node reads what is no whole base64, too; sshd does not.
  if (bytes.toString('base64') !== encoded) return undefined
  const [named, ...fields] = fieldsOf(bytes) ?? []
  // The bytes begin with the kind: a line that was put together wrongly does not.
  if (named?.toString('latin1') !== kind) return undefined
  const bits = bitsOf(kind, fields)
  if (bits === undefined) return undefined
  const fingerprint = `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`
  const line = [kind, encoded, ...(comment === '' ? [] : [comment])].join(' ')
  return { line, view: { kind, bits, fingerprint, comment } }
}

/** Fields with their lengths before them, up to the last byte; undefined when they are cut off. */
function fieldsOf(bytes: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = []
  let offset = 0
  while (offset + 4 <= bytes.length) {
    const end = offset + 4 + bytes.readUInt32BE(offset)
    fields.push(bytes.subarray(offset + 4, end))
    offset = end
  }
  return offset === bytes.length ? fields : undefined
}

/** How long the key is; undefined when its fields are none of its kind, or it is too short. */
function bitsOf(kind: string, fields: readonly Buffer[]): number | undefined {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0), third = Buffer.alloc(0)] = fields
  const curve = curves[/^ecdsa-sha2-(nistp\d+)$/.exec(kind)?.[1] ?? '']
  if (curve) return fields.length === 2 && isCurve(kind, first) ? ecBits(curve, second) : undefined
  switch (kind) {
    case 'ssh-ed25519':
      return fields.length === 1 ? ed25519Bits(first) : undefined
    case 'ssh-rsa':
      return fields.length === 2 ? rsaBitsOf(first, second) : undefined
    // In a security key; the last field says for whom it was made, mostly `ssh:`.
    case 'sk-ssh-ed25519@openssh.com':
      return fields.length === 2 && second.length > 0 ? ed25519Bits(first) : undefined
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return fields.length === 3 && isCurve('nistp256', first) && third.length > 0
        ? ecBits({ crv: 'P-256', bits: 256 }, second)
        : undefined
    default:
      return undefined
  }
}

const isCurve = (kind: string, name: Buffer) => kind.endsWith(name.toString('latin1')) && name.length === 8

function ed25519Bits(key: Buffer): number | undefined {
  return key.length === 32 ? 256 : undefined
}

/** A point that is whole, and on its curve. */
function ecBits({ crv, bits }: { crv: string; bits: number }, point: Buffer): number | undefined {
  const size = Math.ceil(bits / 8)
  if (point.length !== 1 + 2 * size || point[0] !== 4) return undefined
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)].map(half => half.toString('base64url'))
  try {
    createPublicKey({ key: { kty: 'EC', crv, x: x ?? '', y: y ?? '' }, format: 'jwk' })
    return bits
  } catch {
    return undefined // Why is of no use: the point is not on the curve.
  }
}

function rsaBitsOf(exponent: Buffer, modulus: Buffer): number | undefined {
  const [e, n] = [exponent, modulus].map(magnitude)
  if (!e || !n || (n[0] ?? 0) === 0) return undefined
  const bits = n.length * 8 - Math.clz32(n[0] ?? 0) + 24
  if (bits < rsaBits.min || bits > rsaBits.max) return undefined
  // An even one is none; 1 would leave everything as it is.
  const isOdd = (number: Buffer) => ((number.at(-1) ?? 0) & 1) === 1
  return isOdd(e) && isOdd(n) && !(e.length === 1 && e[0] === 1) ? bits : undefined
}

/** Of a positive mpint (RFC 4251, 5): undefined for a negative number, and for one with zeros before it that it does not need. */
function magnitude(number: Buffer): Buffer | undefined {
  const [first = 0, second = 0] = number
  if (number.length === 0 || first >= 0x80) return undefined
  if (first !== 0) return number
  return number.length > 1 && second >= 0x80 ? number.subarray(1) : undefined
}
