// Repositories of accounts, sessions, tokens, audit log and setup on a database of the test's own.
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Account, accountRepository } from '../../appliance/store/accounts.ts'
import { apiTokenRepository } from '../../appliance/store/api-tokens.ts'
import { auditRepository } from '../../appliance/store/audit.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { sessionRepository } from '../../appliance/store/sessions.ts'
import { setupProgressRepository } from '../../appliance/store/setup-progress.ts'

export function openAccess(t: Test) {
  const database = openDatabase(join(t.testdir(), 'hoist.db'))
  t.teardown(() => database.close())
  return {
    database,
    accounts: accountRepository(database),
    sessions: sessionRepository(database),
    tokens: apiTokenRepository(database),
    audit: auditRepository(database),
    progress: setupProgressRepository(database),
  }
}

export const anna: Account = { id: 'a-1', name: 'Anna', role: 'administrator', createdAt: '2026-03-01T00:00:00.000Z' }
export const bert: Account = { id: 'b-1', name: 'bert', role: 'operator', createdAt: '2026-03-02T00:00:00.000Z' }
