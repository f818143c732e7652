// Text to be taken elsewhere: shown, and copied by a button.
import { t } from '../locale/en.ts'
import { Button } from './button.tsx'
import { CodeBlock } from './code-block.tsx'
import { toast } from './messages.tsx'

/** Into the clipboard, and says how that went. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    toast(t.copied)
  } catch {
    // The browser may forbid it: the text stands there to be selected.
    toast(t.copyRefused, 'error')
  }
}

export function CopyText({ label, text }: { label: string; text: string }) {
  return (
    <div class="stack">
      <CodeBlock label={label} text={text} />
      <div class="buttons">
        <Button onClick={() => void copyText(text)}>{t.copy}</Button>
      </div>
    </div>
  )
}
