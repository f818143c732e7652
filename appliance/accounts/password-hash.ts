// Hashes of passwords: argon2id, one at a time, in the PHC string format.

import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { ApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'

const derive = promisify(argon2)

/**
 * OWASP's second choice for argon2id: 19 MiB and two passes, some 50 ms. One at a time, so that a flood of sign-ins takes no more
 * memory than one does.
 */
const memoryKiB = 19_456
const passes = 2
const lanes = 1
const saltBytes = 16
const tagBytes = 32

/** Who waits longer than this many others is told to come back: at 50 ms each, that is a second. */
const maxWaiting = 20

/** Turns passwords into hashes and compares them. */
export interface PasswordHasher {
  /** @throws {ApplianceError} RATE_LIMITED when too many wait */
  hash(password: string): Promise<string>
  /**
   * Whether it is the password of the hash. Without a hash it takes as long, and is false: an account that does not exist must
   * not answer sooner.
   * @throws {ApplianceError} RATE_LIMITED when too many wait; STORE_DAMAGED when it is no such hash
   */
  verify(password: string, hash: string | undefined): Promise<boolean>
}

/** A hasher with its own queue. */
export function createPasswordHasher(): PasswordHasher {
  const inTurn = queue()
  // Of a password that nobody knows.
  const stranger = { salt: randomBytes(saltBytes), tag: randomBytes(tagBytes) }
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes)
      const tag = await inTurn(() => tagOf(password, salt, { memoryKiB, passes, lanes }))
      return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${base64(salt)}$${base64(tag)}`
    },
    async verify(password, hash) {
      const { salt, tag, ...cost } = hash === undefined ? { ...stranger, memoryKiB, passes, lanes } : parse(hash)
      const found = await inTurn(() => tagOf(password, salt, cost))
      return timingSafeEqual(found, tag) && hash !== undefined
    },
  }
}

/** The same text in another Unicode form is the same password (NIST SP 800-63B, 5.1.1.2). */
function tagOf(
  password: string,
  salt: Buffer,
  { memoryKiB, passes, lanes }: { memoryKiB: number; passes: number; lanes: number },
): Promise<Buffer> {
  return derive('argon2id', {
    message: password.normalize('NFKC'),
    nonce: salt,
    memory: memoryKiB,
    passes,
    parallelism: lanes,
    tagLength: tagBytes,
  })
}

function parse(hash: string): { memoryKiB: number; passes: number; lanes: number; salt: Buffer; tag: Buffer } {
  const match = /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d)\$([\w+/]{22})\$([\w+/]{43})$/.exec(hash)
  const [, m, t, p, salt, tag] = match ?? []
  if (salt === undefined || tag === undefined)
    throw new ApplianceError('STORE_DAMAGED', 'The stored hash of a password has another form.', {
      hint: 'Reset the password on the console of the appliance.',
    })
  return {
    memoryKiB: Number(m),
    passes: Number(t),
    lanes: Number(p),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

/** PHC strings carry no padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

/** One at a time, and not for everybody who asks. */
function queue(): <T>(work: () => Promise<T>) => Promise<T> {
  const inTurn = oneAtATime()
  let waiting = 0
  return async work => {
    if (waiting >= maxWaiting)
      throw new ApplianceError('RATE_LIMITED', 'Too many passwords are being checked.', {
        retryAfterSeconds: 2,
        hint: 'Try again in a few seconds.',
      })
    waiting++
    try {
      return await inTurn(work)
    } finally {
      waiting--
    }
  }
}
