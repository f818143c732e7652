// Text as it is, in a frame that scrolls and can be reached by keyboard.

export function CodeBlock({ label, text, class: extra = '' }: { label: string; text: string; class?: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class={`code-block ${extra}`} aria-label={label} tabIndex={0}>
      <pre>{text}</pre>
    </section>
  )
}
