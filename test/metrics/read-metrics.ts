// What a stranger reads in the appliance's metrics: Prometheus' own Python parser.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { tools } from '../lab/tools.ts'

export interface Family {
  type: string
  help: string
  samples: { name: string; labels: Record<string, string>; value: number }[]
}

/** Families by name; counters without their `_total`, as the parser names them. @throws when the text has not the format */
export async function readMetrics(metrics: string): Promise<Record<string, Family>> {
  const child = spawn(tools.python, [join(import.meta.dirname, 'read_metrics.py')])
  child.stdin.end(metrics)
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (err !== '') throw new Error(err)
  return JSON.parse(out)
}

/** The lines of a metric, without those that describe it: `{labels} value`. */
export function samplesOf(metrics: string, name: string): string[] {
  return metrics
    .split('\n')
    .filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map(line => line.slice(name.length).trim())
}
