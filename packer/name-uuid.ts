// A UUID made of a name: the same name, the same UUID, so that a build repeats itself.

import { createHash } from 'node:crypto'

/** As RFC 9562 has it for what applications make (version 8), out of SHA-256. */
export function nameUuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}
