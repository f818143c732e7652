// Something of the machine that is on or off.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { useAction } from '../hooks.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'

interface SwitchWords {
  title: string
  text: string
  on: string
  off: string
  enable: string
  disable: string
  enabled: string
  disabled: string
  ask: string
  askText: string
}

export interface SwitchCardProps {
  words: SwitchWords
  enabled: boolean
  /** The side that is less safe: it is asked before. */
  warnsOf: boolean
  onSwitch: (enabled: boolean) => Promise<void>
  onChanged: () => void
  /** False: it cannot be switched on, and the children say why. */
  mayEnable?: boolean
  children?: ComponentChildren
}

export function SwitchCard(props: SwitchCardProps) {
  const { words, enabled, warnsOf, onSwitch, onChanged, mayEnable = true, children } = props
  const [asked, setAsked] = useState(false)
  const { busy, error, run, clear } = useAction()
  const next = !enabled
  const change = async () => {
    if (!(await run(() => onSwitch(next)))) return
    setAsked(false)
    toast(next ? words.enabled : words.disabled)
    onChanged()
  }
  const press = () => {
    clear()
    if (next === warnsOf) setAsked(true)
    else void change()
  }
  return (
    <Card title={words.title}>
      <p>{words.text}</p>
      <State kind={enabled === warnsOf ? 'warning' : 'success'} word={enabled ? words.on : words.off} />
      {children}
      {error && !asked && <Problem error={error} />}
      <div>
        <Button busy={busy && !asked} disabled={!enabled && !mayEnable} onClick={press}>
          {next ? words.enable : words.disable}
        </Button>
      </div>
      {asked && (
        <Dialog
          title={words.ask}
          confirm={next ? words.enable : words.disable}
          busy={busy}
          error={error}
          onConfirm={() => void change()}
          onClose={() => setAsked(false)}
        >
          <p>{words.askText}</p>
          {children}
        </Dialog>
      )}
    </Card>
  )
}
