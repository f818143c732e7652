// Named results of steps that run one after the other, and how they are shown.
import { table } from '../demo/screen.ts'

export interface StepResult {
  name: string
  ok: boolean
  /** It could not be tried here, `detail` says why; that is no failure. */
  skipped?: true
  seconds: number
  detail: string
}

/** A step throws it when what it needs is not to be had. */
export class Skipped extends Error {}

/** Runs one step, and never throws. */
export async function runStep(name: string, act: () => Promise<string>): Promise<StepResult> {
  const startedAtMs = performance.now()
  const seconds = () => Math.round((performance.now() - startedAtMs) / 100) / 10
  try {
    const detail = await act()
    return { name, ok: true, seconds: seconds(), detail }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    if (error instanceof Skipped) return { name, ok: true, skipped: true, seconds: seconds(), detail }
    return { name, ok: false, seconds: seconds(), detail }
  }
}

export interface Summary {
  ok: boolean
  steps: StepResult[]
  seconds: number
  /** How long the steps may take without the first, which builds; a machine that is busy otherwise goes beyond it. */
  limitSeconds: number
  withinLimit: boolean
}

/** They make what the others look at. */
const preparations: readonly string[] = ['build', 'lab']

export function sumUp(steps: StepResult[], seconds: number, limitSeconds: number): Summary {
  // Nothing but preparations and skipped steps proves nothing.
  const ok = steps.every(step => step.ok) && steps.some(step => !step.skipped && !preparations.includes(step.name))
  const built = steps.find(({ name }) => name === 'build')?.seconds ?? 0
  return { ok, steps, seconds: Math.round(seconds), limitSeconds, withinLimit: seconds - built <= limitSeconds }
}

const resultOf = ({ ok, skipped }: StepResult) => (skipped ? 'skipped' : ok ? 'ok' : 'FAILED')

export function resultTable({ ok, steps, seconds, limitSeconds, withinLimit }: Summary): string {
  const rows = steps.map(step => [
    step.name,
    resultOf(step),
    step.seconds.toFixed(1),
    (step.detail.split('\n')[0] ?? '').slice(0, 120),
  ])
  const time = `${seconds} s${withinLimit ? '' : `, more than ${limitSeconds} s`}`
  return `${table(['step', 'result', 's', 'detail'], rows)}\n\n${ok ? 'All is well' : 'NOT ALL IS WELL'}; ${time}\n`
}
