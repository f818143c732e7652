// Changing the network from the very page that is reached by it: asked first, then followed to where the appliance is.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { MachineNetwork } from '../contract.ts'
import { m } from '../locale/en-machine.ts'
import { toApiError } from '../request.ts'
import { awaitReady } from '../rescue/await-ready.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Loading, Note } from '../ui/messages.tsx'
import { mayCut, nextAddress } from './network-draft.ts'

const words = m.moving

/** Longest that an answer is waited for: when addresses change, it may never come. Milliseconds. */
const answerMs = 15_000
/** For the new addresses to be in force before anybody asks, milliseconds. */
const settleMs = 2_000
/** For the appliance to answer where it was, milliseconds. */
const stayMs = 15_000

interface Asked {
  next: string | undefined
  answer: (yes: boolean) => void
}

export interface NetworkChange {
  /** Resolves with whether it is changed and the appliance still answers here; with false when it was not wanted. @throws {ApiError} refused */
  change: (before: MachineNetwork, after: MachineNetwork) => Promise<boolean>
  /** The question, to be shown outside of any form. */
  question: ComponentChildren
  /** In the place of the form, while the appliance is away. */
  moving: ComponentChildren
}

export function useNetworkChange(): NetworkChange {
  const [asked, setAsked] = useState<Asked>()
  const [away, setAway] = useState<{ next: string | undefined; back: () => void }>()
  const change = async (before: MachineNetwork, after: MachineNetwork) => {
    const cuts = mayCut(before, after)
    const next = cuts ? nextAddress(after, location) : undefined
    if (cuts) {
      const wanted = await new Promise<boolean>(answer => setAsked({ next, answer }))
      setAsked(undefined)
      if (!wanted) return false
    }
    const late = AbortSignal.timeout(answerMs)
    await api.saveNetwork(after, late).catch((thrown: unknown) => {
      // The answer was lost together with the address: what is done is seen by who answers where.
      if (!late.aborted && toApiError(thrown).code !== 'UNREACHABLE') throw thrown
    })
    if (cuts) await new Promise<void>(back => setAway({ next, back }))
    setAway(undefined)
    return true
  }
  return {
    change,
    question: asked && <Question {...asked} />,
    moving: away && <Moving next={away.next} onBack={away.back} />,
  }
}

function Question({ next, answer }: Asked) {
  return (
    <Dialog title={m.cut.title} confirm={m.cut.act} onConfirm={() => answer(true)} onClose={() => answer(false)}>
      <p>{m.cut.text}</p>
      <p>{next === undefined ? m.cut.unknown : m.cut.at(next)}</p>
      {next !== undefined && <p>{m.cut.warns}</p>}
      <p>{m.cut.wrong}</p>
    </Dialog>
  )
}

/** Asks here first: by a name, or by an address that stays, the page need not go anywhere. */
function Moving({ next, onBack }: { next: string | undefined; onBack: () => void }) {
  const [turn, setTurn] = useState(0)
  const [silent, setSilent] = useState(false)
  useEffect(() => {
    const leaving = new AbortController()
    const follow = async () => {
      setSilent(false)
      await new Promise(resolve => setTimeout(resolve, settleMs))
      const signal = AbortSignal.any([leaving.signal, AbortSignal.timeout(stayMs)])
      if (await awaitReady({ signal })) return onBack()
      if (leaving.signal.aborted) return
      setSilent(true)
      if (next !== undefined) location.assign(next)
    }
    void follow()
    return () => leaving.abort()
  }, [turn])
  return (
    <section class="stack" aria-live="polite">
      <h3>{words.title}</h3>
      {silent ? <Note>{next === undefined ? words.lost : words.going}</Note> : <Loading />}
      {!silent && <p>{words.asking}</p>}
      {next !== undefined && (
        <p>
          <a href={next}>{words.link}</a> <code>{next}</code>
        </p>
      )}
      {silent && (
        <div>
          <Button icon="turn" onClick={() => setTurn(turn + 1)}>
            {words.again}
          </Button>
        </div>
      )}
    </section>
  )
}
