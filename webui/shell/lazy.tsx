// A part of the page that is loaded when it is first needed.
import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { t } from '../locale/en.ts'
import { Button } from '../ui/button.tsx'
import { EmptyState, Loading } from '../ui/messages.tsx'

type Load<P> = () => Promise<ComponentType<P>>

const loaded = new Map<Load<never>, ComponentType<never>>()

/** `load` must be the same function at every drawing. */
export function Lazy<P extends object>({ load, with: props }: { load: Load<P>; with?: P }) {
  const [, setTurn] = useState(0)
  const [failed, setFailed] = useState(false)
  const known = loaded.get(load as unknown as Load<never>) as ComponentType<P> | undefined
  useEffect(() => {
    if (known) return
    let there = true
    load().then(
      Part => {
        loaded.set(load as unknown as Load<never>, Part as unknown as ComponentType<never>)
        if (there) setTurn(turn => turn + 1)
      },
      () => there && setFailed(true),
    )
    return () => {
      there = false
    }
  }, [load, known])
  if (known) {
    const Part = known
    return <Part {...((props ?? {}) as P)} />
  }
  if (!failed) return <Loading />
  return (
    <EmptyState
      icon="warning"
      title={t.unknownProblem}
      action={<Button onClick={() => location.reload()}>{t.shell.reload}</Button>}
    >
      {t.shell.failed}
    </EmptyState>
  )
}
