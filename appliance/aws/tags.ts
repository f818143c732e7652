// Ownership tags: what marks everything that a connector makes in AWS, and the forms in which each service takes them.
import type { Ownership } from '../domain.ts'
import { connectorTagKey } from './permissions.ts'

export const jobTagKey = 'hoist:job'
export const runTagKey = 'hoist:run'
export const serverTagKey = 'hoist:server'

/** The four `hoist:*` tags, `Name`, and the customer's own tags, which can replace `Name` but no `hoist:*`. */
export function ownershipTags(ownership: Ownership, extra: Record<string, string> = {}): Record<string, string> {
  return {
    Name: ownership.serverName,
    ...extra,
    [connectorTagKey]: ownership.connectorId,
    [jobTagKey]: ownership.jobId,
    [runTagKey]: ownership.runId,
    [serverTagKey]: ownership.serverId,
  }
}

/** Whose a thing is, as far as its tags say; the inverse of `ownershipTags`. */
export function ownershipOf(
  tags: { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Partial<Ownership> {
  const names: [string, keyof Ownership][] = [
    [connectorTagKey, 'connectorId'],
    [jobTagKey, 'jobId'],
    [runTagKey, 'runId'],
    [serverTagKey, 'serverId'],
    ['Name', 'serverName'],
  ]
  const found: Partial<Ownership> = {}
  for (const [key, name] of names) {
    const value = tags?.find(tag => tag.Key === key)?.Value
    if (value !== undefined) found[name] = value
  }
  return found
}

/** EC2's form. */
export function toTagList(tags: Record<string, string>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

/**
 * S3's form, a query string of the `hoist:*` tags and `Name` only: an object may carry 10 tags where EC2 allows 50,
 * and lives for an hour. S3 allows fewer characters than a VM's name may have: others become `_`.
 */
export function toObjectTagging(tags: Record<string, string>): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(tags)) {
    if (key !== 'Name' && !key.startsWith('hoist:')) continue
    query.set(key, value.replace(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, '_').slice(0, 256))
  }
  return query.toString()
}
