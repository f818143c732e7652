// What the appliance's own work proves of the other sides: a failing check is worth asking again.
import type { CheckGroup } from './check.ts'

interface Told {
  kind: string
  data: unknown
}

/** As much of a run as counts here. */
interface RunTold {
  id: string
  state: string
  endedAt?: string
  setback?: unknown
}

const sides: readonly CheckGroup[] = ['network', 'vcenter', 'aws']

/** Looks at what is published, and tells of the groups whose checks may have come right. */
export function recoveryWatch(): (event: Told) => readonly CheckGroup[] {
  const heldUp = new Set<string>()
  return ({ kind, data }) => {
    if (kind === 'catalog') return (data as { state: string }).state === 'ready' ? ['network', 'vcenter'] : []
    if (kind !== 'run') return []
    const { id, state, endedAt, setback } = data as RunTold
    if (setback !== undefined) {
      heldUp.add(id)
      return []
    }
    // Whether it goes on or only tries to: the checks will tell.
    const goesOn = heldUp.delete(id) && endedAt === undefined
    return goesOn || state === 'succeeded' ? sides : []
  }
}
