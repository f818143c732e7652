// Token buckets: how much one address, or one name, may do in a while.
import { plainAddress } from './client-address.ts'

export interface RateLimit {
  /** Takes one of the key's tokens. 0 when there was one; otherwise how long until there is, milliseconds. */
  take(key: string): number
  /** As `take`, but takes none. */
  waitMs(key: string): number
}

export interface RateLimitOptions {
  /** Tokens that a key has at first, and at most. */
  burst: number
  perSecond: number
  nowMs: () => number
  /** Keys remembered; the one that was not used for longest is forgotten, as if it were new. */
  maxKeys?: number
}

/** A limit by key. What it knows is lost at a restart. */
export function createRateLimit({ burst, perSecond, nowMs, maxKeys = 10_000 }: RateLimitOptions): RateLimit {
  const buckets = new Map<string, { tokens: number; atMs: number }>()
  const filled = (key: string) => {
    const bucket = buckets.get(key)
    const atMs = nowMs()
    if (!bucket) return { tokens: burst, atMs }
    // A clock that goes back gives nothing, and takes nothing.
    const elapsedMs = Math.max(0, atMs - bucket.atMs)
    return { tokens: Math.min(burst, bucket.tokens + (elapsedMs * perSecond) / 1000), atMs }
  }
  const missing = (tokens: number) => (tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond))
  return {
    waitMs: key => missing(filled(key).tokens),
    take(key) {
      const bucket = filled(key)
      const waitMs = missing(bucket.tokens)
      if (waitMs === 0) bucket.tokens -= 1
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > maxKeys)
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest)
          break
        }
      return waitMs
    },
  }
}

/** An address as a key: IPv6 by its /64, which is what one customer gets; IPv4 inside of IPv6 as itself. */
export function addressKey(given: string): string {
  const address = plainAddress(given)
  if (!address.includes(':')) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return `${groups.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
