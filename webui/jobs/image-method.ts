// Which image method fits the chosen servers, and why. Pure.
import { t } from '../locale/en.ts'
import type { ServerRow } from '../servers/server-rows.ts'
import type { JobDraft } from './job-draft.ts'

/** What VM Import converts: up to so many disks, each below so many bytes. */
const mostDisks = 21
const diskLimitBytes = 8 * 2 ** 40

export interface MethodAdvice {
  method: JobDraft['imageMethod']
  why: string
}

/**
 * Guests whose licence AWS bills by a code that only conversion puts on the image (the catalog warns of them) are
 * converted; others are registered as they are. All servers of a draft get one method: with a mixture the one that
 * changes no guest.
 */
export function adviseMethod(rows: readonly ServerRow[]): MethodAdvice {
  const billed = rows.filter(({ server }) => server.findings.some(({ code }) => code === 'LICENCE_NOT_BILLED'))
  if (billed.length === 0) return { method: 'registered', why: t.create.methodRegistered }
  if (billed.length < rows.length) return { method: 'registered', why: t.create.methodMixed(billed.length) }
  const tooLarge = billed.some(
    ({ server: { disks } }) => disks.length > mostDisks || disks.some(({ sizeBytes }) => sizeBytes >= diskLimitBytes),
  )
  return tooLarge
    ? { method: 'registered', why: t.create.methodTooLarge }
    : { method: 'converted', why: t.create.methodConverted }
}
