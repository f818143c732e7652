// What will happen when jobs are made, in words. Pure.
import type { Policy } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { t } from '../locale/en.ts'
import type { ServerRow } from '../servers/server-rows.ts'
import { bandwidthOf } from '../ui/window-draft.ts'
import { isLimited, type JobDraft } from './job-draft.ts'
import { bandwidthWords, windowsWords, windowWords } from './schedule-words.ts'

const words = t.create.words
const namesShown = 5

export interface ReviewGroup {
  title: string
  sentences: string[]
}

/** Sentence by sentence, in three groups. @param policy what it adds is said once it is known */
export function reviewOf(draft: JobDraft, rows: readonly ServerRow[], policy: Policy | undefined): ReviewGroup[] {
  return [
    { title: t.create.groups.servers, sentences: serverWords(rows) },
    { title: t.create.groups.when, sentences: [...whenWords(draft, rows.length), ...policyWords(policy)] },
    { title: t.create.groups.aws, sentences: awsWords(draft) },
  ]
}

function serverWords(rows: readonly ServerRow[]): string[] {
  const names = rows.slice(0, namesShown).map(row => row.name)
  if (rows.length > namesShown) names.push(words.andMore(rows.length - namesShown))
  const size = rows.reduce((sum, row) => sum + row.sizeBytes, 0)
  const disks = rows.reduce((sum, row) => sum + row.server.disks.length, 0)
  return [words.servers(rows.length, names.join(', ')), words.read(bytes(size), disks, rows.length), words.snapshot]
}

function whenWords(draft: JobDraft, servers: number): string[] {
  const limit = isLimited(draft.bandwidth) ? bandwidthOf(draft.bandwidth) : undefined
  const windows = draft.windows.map(({ window }) => window)
  const first =
    draft.when === 'now'
      ? words.firstNow(servers)
      : words.firstAt(moment(new Date(draft.startAt).toISOString()), servers)
  return [
    windows.length > 0 ? `${first} ${words.windowsDelay(servers)}` : first,
    draft.repeat === 'once' ? words.once(servers) : words.every(Number(draft.hours), draft.timeZone),
    ...(windows.length > 0 ? [words.windows(windowsWords(windows), draft.timeZone)] : []),
    words.missed[draft.whenMissed],
    ...(limit ? [words.bandwidth(bandwidthWords(limit), servers)] : []),
  ]
}

function policyWords(policy: Policy | undefined): string[] {
  if (!policy) return []
  const { bandwidth, blackouts, pauseAfterFailures, timeZone } = policy
  const limited = bandwidth.bytesPerSecond !== undefined || bandwidth.timetable.length > 0
  return [
    ...blackouts.map(({ window, holdTransfers }) =>
      (holdTransfers ? words.blackoutHold : words.blackout)(windowWords(window), timeZone),
    ),
    ...(limited ? [words.allBandwidth(bandwidthWords(bandwidth))] : []),
    ...(pauseAfterFailures > 0 ? [words.pauseAfter(pauseAfterFailures)] : []),
  ]
}

function awsWords(draft: JobDraft): string[] {
  const tags = draft.tags.map(({ key, value }) => `${key}=${value}`)
  return [
    draft.imageMethod === 'registered' ? words.registered : words.converted(t.licences[draft.licence]),
    words.retention(Number(draft.retention)),
    draft.encrypted ? words.encrypted(draft.kmsKeyId.trim() || words.defaultKey) : words.plain,
    ...(tags.length > 0 ? [words.tags(tags.join(', '))] : []),
  ]
}
