// Accounts, sessions and tokens on a real database in a directory of its own, with a clock that the test sets.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AccessService, accessService } from '../../appliance/accounts/access-service.ts'
import { createPasswordHasher, type PasswordHasher } from '../../appliance/accounts/password-hash.ts'
import { openStore, type Store } from '../../appliance/store/store.ts'

export interface AccessLab {
  dataDir: string
  store: Store
  access: AccessService
  /** The present time of the services; `add` lets milliseconds pass. */
  clock: { nowMs: number; add(ms: number): void }
  /** Opens the same data again, as after a restart. */
  restart(): Promise<AccessService>
  close(): Promise<void>
}

export const goodPassword = 'wooden lamp sings loudly'
export const otherPassword = 'nine quiet rivers, one ford'

export async function startAccessLab({ hasher = quickHasher() }: { hasher?: PasswordHasher } = {}): Promise<AccessLab> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hoist-access-'))
  const clock = {
    nowMs: Date.parse('2026-03-01T08:00:00Z'),
    add(ms: number) {
      clock.nowMs += ms
    },
  }
  const open = async () => {
    lab.store = await openStore(dataDir)
    lab.access = accessService(lab.store, { now: () => new Date(clock.nowMs), hasher })
    return lab.access
  }
  const lab = { dataDir, clock } as AccessLab
  lab.restart = async () => {
    lab.store.close()
    return await open()
  }
  lab.close = async () => {
    lab.store.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  await open()
  return lab
}

/** argon2id itself, the number of times it was asked counted. */
export function countingHasher(): PasswordHasher & { asked: number } {
  const hasher = createPasswordHasher()
  const counting = {
    asked: 0,
    hash: (password: string) => hasher.hash(password),
    verify(password: string, hash: string | undefined) {
      counting.asked += 1
      return hasher.verify(password, hash)
    },
  }
  return counting
}

/** No hash at all, for tests that are not about passwords. */
export function quickHasher(): PasswordHasher {
  return {
    hash: async password => `plain:${Buffer.from(password).toString('hex')}`,
    verify: async (password, hash) => hash === `plain:${Buffer.from(password).toString('hex')}`,
  }
}
