// Where a log bundle is asked for. Pure.
import { query } from '../api.ts'

export type Span = 'day' | 'week' | 'all' | 'own'

const dayMs = 24 * 3600_000

/** Where the archive is asked for. */
export function bundleHref(span: Span, from: string, to: string, obfuscate: boolean, nowMs: number): string {
  const iso = (text: string) => (Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString())
  const spans: Record<Span, { from?: string | undefined; to?: string | undefined }> = {
    all: {},
    day: { from: new Date(nowMs - dayMs).toISOString() },
    week: { from: new Date(nowMs - 7 * dayMs).toISOString() },
    own: { from: iso(from), to: iso(to) },
  }
  return `/api/support/bundle${query({ ...spans[span], obfuscate: obfuscate || undefined })}`
}
