// The documentation, as it was when the page was built: readable without internet.
import { useState } from 'preact/hooks'
import errors from '../../docs/errors.md?raw'
import notifications from '../../docs/notifications.md?raw'
import { d } from '../locale/en-support.ts'
import { Button } from '../ui/button.tsx'
import { CodeBlock } from '../ui/code-block.tsx'
import guide from './guide.md?raw'
import { type Block, type Inline, parseMarkdown } from './markdown.ts'

const documents = {
  guide,
  errors,
  notifications,
} as const

type Name = keyof typeof documents

export function DocumentationPart() {
  const [name, setName] = useState<Name>('guide')
  return (
    <div class="stack loose">
      <p class="muted">{d.documentation.text}</p>
      <nav class="buttons" aria-label={d.documentation.contents}>
        {(Object.keys(documents) as Name[]).map(one => (
          <Button key={one} kind={one === name ? 'primary' : 'outline'} onClick={() => setName(one)}>
            {d.documentation[one]}
          </Button>
        ))}
        <Button href="/api/docs" icon="link">
          {d.documentation.api}
        </Button>
      </nav>
      <article class="card">
        <div class="prose">
          {parseMarkdown(documents[name]).map((block, index) => (
            <BlockView key={`${name} ${index}`} block={block} />
          ))}
        </div>
      </article>
    </div>
  )
}

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case 'heading':
      return block.level <= 2 ? (
        <h2>
          <Words of={block.content} />
        </h2>
      ) : (
        <h3>
          <Words of={block.content} />
        </h3>
      )
    case 'paragraph':
      return (
        <p>
          <Words of={block.content} />
        </p>
      )
    case 'code':
      return <CodeBlock label={d.documentation.example} text={block.text} />
    case 'list':
      return (
        <ul>
          {block.items.map((item, index) => (
            <li key={index}>
              <Words of={item} />
            </li>
          ))}
        </ul>
      )
    case 'table':
      return <TableView head={block.head} rows={block.rows} />
  }
}

function TableView({ head, rows }: { head: Inline[][]; rows: Inline[][][] }) {
  const label = head
    .flat()
    .map(({ text }) => text)
    .join(', ')
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="table-frame" aria-label={label} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={index} scope="col">
                <Words of={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} class="wrap">
                  <Words of={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Words({ of }: { of: readonly Inline[] }) {
  return (
    <>
      {of.map((part, index) => {
        const key = `${index}`
        if (part.kind === 'code') return <code key={key}>{part.text}</code>
        if (part.kind === 'strong') return <strong key={key}>{part.text}</strong>
        if (part.kind === 'emphasis') return <em key={key}>{part.text}</em>
        // Links of documents lead to other files of the source, that are not here: their words are enough.
        if (part.kind === 'link' && /^https?:/.test(part.href))
          return (
            <a key={key} href={part.href}>
              {part.text}
            </a>
          )
        return part.text
      })}
    </>
  )
}
