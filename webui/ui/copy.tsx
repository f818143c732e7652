// Text to be taken elsewhere: shown, and copied by a button.
import { t } from '../locale/en.ts'
import { Button } from './button.tsx'
import { CodeBlock } from './code-block.tsx'
import { toast } from './messages.tsx'

export function CopyText({ label, text }: { label: string; text: string }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      toast(t.copied)
    } catch {
      // The browser may forbid it: the text stands there to be selected.
      toast(t.copyRefused, 'error')
    }
  }
  return (
    <div class="stack">
      <CodeBlock label={label} text={text} />
      <div class="buttons">
        <Button onClick={() => void copy()}>{t.copy}</Button>
      </div>
    </div>
  )
}
