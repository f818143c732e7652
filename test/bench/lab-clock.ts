// The clock of benchmark "full": both sides are timed by the lab's own logs of requests, and charged for by Linux's count of CPU time.
import { readFile } from 'node:fs/promises'
import type { Lab } from '../lab/lab.ts'

/** Where both logs stood, and what the lab's programs had used, when a side began. */
export interface Mark {
  vcenter: number
  aws: number
  labCpuSeconds: number
}

interface VcenterRequest {
  number: number
  time: string
  user: string
}

interface AwsRequest {
  id: number
  /** When it came. */
  time: string
  operation: string
  status: number
  durationMs: number
}

export async function markNow(lab: Lab): Promise<Mark> {
  const vcenter = await lab.vcenterControl<VcenterRequest[]>('GET', '/requests')
  const aws = await lab.awsControl<AwsRequest[]>('GET', '/requests')
  return {
    vcenter: vcenter.at(-1)?.number ?? 0,
    aws: aws.at(-1)?.id ?? 0,
    labCpuSeconds: await labCpuSeconds(lab),
  }
}

/** When vCenter got the first request of a side; the two sides have accounts of their own. Milliseconds of the epoch. */
export async function firstRequestMs(lab: Lab, mark: Mark, user: string): Promise<number> {
  const requests = await lab.vcenterControl<VcenterRequest[]>('GET', `/requests?since=${mark.vcenter}`)
  const first = requests.find(request => request.user === user)
  if (!first) throw new Error(`vCenter got no request from ${user}`)
  return Date.parse(first.time)
}

/** When S3 had answered that an upload is a whole object now; undefined if it has not yet. Milliseconds of the epoch. */
export async function objectCompletedMs(lab: Lab, mark: Mark): Promise<number | undefined> {
  const requests = await lab.awsControl<AwsRequest[]>('GET', `/requests?since=${mark.aws}`)
  const done = requests.find(({ operation, status }) => operation === 'CompleteMultipartUpload' && status === 200)
  return done && Date.parse(done.time) + done.durationMs
}

/** User and system time of the lab's own programs so far. */
export async function labCpuSeconds(lab: Lab): Promise<number> {
  let seconds = 0
  for (const pid of Object.values(lab.pids)) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // utime and stime are fields 14 and 15 of proc(5), in ticks of 10 ms; the name, field 2, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    seconds += (Number(fields[11]) + Number(fields[12])) / 100
  }
  return seconds
}
