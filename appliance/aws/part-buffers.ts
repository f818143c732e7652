// Shared buffers for parts of uploads, bounded by bytes over all uploads, handed out fairly and used again.

/**
 * The bytes that may be in flight between vCenter and S3, over all disks. Buffers stand on shared memory, so that a
 * worker can read a part while it is uploaded, without a copy.
 */
export interface PartBuffers {
  /**
   * Waits for a buffer of `sizeBytes`. Whoever holds the fewest bytes is served first, so that one fast disk cannot
   * starve the others; an owner alone may always hold two, so that a part larger than the budget is still filled while
   * another is sent.
   */
  acquire(owner: symbol, sizeBytes: number, signal?: AbortSignal): Promise<Buffer>
  release(owner: symbol, buffer: Buffer): void
  /** Bytes handed out now. */
  readonly inUseBytes: number
}

interface Waiter {
  owner: symbol
  sizeBytes: number
  grant: (buffer: Buffer) => void
}

/** 64 MiB keep a 1 Gbit/s line full at 500 ms of latency, and leave room in an appliance of 300 MiB. */
export const defaultBudgetBytes = 64 * 1024 * 1024

export function createPartBuffers(budgetBytes: number = defaultBudgetBytes): PartBuffers {
  const held = new Map<symbol, { count: number; bytes: number }>()
  const free: Buffer[] = []
  const waiters: Waiter[] = []
  let inUseBytes = 0
  let freeBytes = 0

  function fits({ owner, sizeBytes }: Waiter): boolean {
    if (inUseBytes + sizeBytes <= budgetBytes) return true
    const own = held.get(owner)
    return inUseBytes === (own?.bytes ?? 0) && (own?.count ?? 0) < 2
  }

  function take(owner: symbol, sizeBytes: number): Buffer {
    const own = held.get(owner) ?? { count: 0, bytes: 0 }
    held.set(owner, { count: own.count + 1, bytes: own.bytes + sizeBytes })
    inUseBytes += sizeBytes
    const index = free.findIndex(buffer => buffer.length === sizeBytes)
    const found = index < 0 ? undefined : free.splice(index, 1)[0]
    if (found !== undefined) {
      freeBytes -= sizeBytes
      return found
    }
    // Buffers of another size are dropped before the sum could exceed the budget.
    while (free.length > 0 && inUseBytes + freeBytes > budgetBytes) freeBytes -= free.shift()?.length ?? 0
    return Buffer.from(new SharedArrayBuffer(sizeBytes))
  }

  /** Strict: nobody overtakes the neediest, else a large part would wait for ever among small ones. */
  function serve(): void {
    while (waiters.length > 0) {
      let neediest = 0
      for (let i = 1; i < waiters.length; i++) {
        if (heldBytes(waiters[i]) < heldBytes(waiters[neediest])) neediest = i
      }
      const waiter = waiters[neediest]
      if (waiter === undefined || !fits(waiter)) return
      waiters.splice(neediest, 1)
      waiter.grant(take(waiter.owner, waiter.sizeBytes))
    }
  }

  function heldBytes(waiter: Waiter | undefined): number {
    return waiter === undefined ? 0 : (held.get(waiter.owner)?.bytes ?? 0)
  }

  return {
    async acquire(owner, sizeBytes, signal) {
      signal?.throwIfAborted()
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
      const waiter: Waiter = { owner, sizeBytes, grant: resolve }
      const leave = () => {
        const index = waiters.indexOf(waiter)
        if (index < 0) return
        waiters.splice(index, 1)
        reject(signal?.reason)
        serve()
      }
      signal?.addEventListener('abort', leave, { once: true })
      try {
        waiters.push(waiter)
        serve()
        return await promise
      } finally {
        signal?.removeEventListener('abort', leave)
      }
    },
    release(owner, buffer) {
      const own = held.get(owner)
      if (own === undefined) throw new Error('a part buffer was released by an upload that holds none')
      if (own.count === 1) held.delete(owner)
      else held.set(owner, { count: own.count - 1, bytes: own.bytes - buffer.length })
      inUseBytes -= buffer.length
      if (inUseBytes + freeBytes + buffer.length <= budgetBytes) {
        free.push(buffer)
        freeBytes += buffer.length
      }
      serve()
    },
    get inUseBytes() {
      return inUseBytes
    },
  }
}
