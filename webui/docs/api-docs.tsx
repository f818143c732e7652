// The API, readable: made from its OpenAPI document, without foreign scripts.
import { useMemo, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { d } from '../locale/en-support.ts'
import { Brand } from '../shell/brand.tsx'
import { CodeBlock } from '../ui/code-block.tsx'
import { Field } from '../ui/field.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { type OpenApi, type Route, routesByTag, schemaText } from './open-api.ts'

export function ApiDocs() {
  const read = useResource(signal => api.openapi(signal))
  return (
    <div class="docs">
      <header class="bar">
        <a class="brand" href="/">
          <Brand />
          {t.product}
        </a>
      </header>
      <main class="main">
        <PageHead title={d.api.title} crumb={{ href: '/support/documentation', label: d.tabs.documentation }}>
          {read.data && d.api.version(read.data.info.version)}
        </PageHead>
        {!read.data && (read.error ? <Problem error={read.error} onRetry={read.reload} /> : <Loading />)}
        {read.data && <Document document={read.data} />}
      </main>
    </div>
  )
}

function Document({ document }: { document: OpenApi }) {
  const [search, setSearch] = useState('')
  const byTag = useMemo(() => [...routesByTag(document)], [document])
  const wanted = search.trim().toLowerCase()
  const fits = ({ method, path, operation }: Route) =>
    `${method} ${path} ${operation.summary ?? ''}`.toLowerCase().includes(wanted)
  return (
    <div class="stack loose">
      <div class="prose">
        <p>{d.api.intro}</p>
        <CodeBlock label={d.api.exampleLabel} text={d.api.example} />
        <p>
          <a href="/api/openapi.json">/api/openapi.json</a>
        </p>
      </div>
      <Field type="search" label={d.api.search} value={search} onInput={setSearch} class="narrow" />
      {byTag.map(([tag, routes]) => {
        const shown = routes.filter(fits)
        if (shown.length === 0) return null
        return (
          <section key={tag} class="card stack" aria-label={tag}>
            <h2>{tag}</h2>
            {shown.map(route => (
              <RouteDetails key={`${route.method} ${route.path}`} route={route} document={document} />
            ))}
          </section>
        )
      })}
    </div>
  )
}

function RouteDetails({ route, document }: { route: Route; document: OpenApi }) {
  const { method, path, operation } = route
  const [open, setOpen] = useState(false)
  return (
    <details onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>
        <code>
          <strong>{method}</strong> {path}
        </code>{' '}
        <span class="muted">{operation.summary}</span>
      </summary>
      {/* A hundred schemas at once would make the page slow. */}
      {open && <RouteBody operation={operation} document={document} />}
    </details>
  )
}

function RouteBody({ operation, document }: { operation: Route['operation']; document: OpenApi }) {
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema
  return (
    <div class="stack inset">
      {operation.description && <p>{operation.description}</p>}
      {operation.security?.length === 0 && <p class="muted">{d.api.open}</p>}
      {operation.parameters && operation.parameters.length > 0 && (
        <>
          <h3>{d.api.parameters}</h3>
          <ul>
            {operation.parameters.map(({ name, in: place, required, description, schema }) => (
              <li key={name}>
                <code>
                  {name}
                  {required ? '' : '?'}: {schemaText(schema, document)}
                </code>{' '}
                <span class="muted">
                  {place} {description ?? schema?.description}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {body && (
        <>
          <h3>{d.api.body}</h3>
          <CodeBlock label={d.api.body} text={schemaText(body, document)} />
        </>
      )}
      <h3>{d.api.answers}</h3>
      {Object.entries(operation.responses ?? {}).map(([status, answer]) => {
        const [type, content] = Object.entries(answer.content ?? {})[0] ?? []
        return (
          <div key={status} class="stack">
            <strong>
              {status.toUpperCase()} {type !== undefined && type !== 'application/json' && type}
            </strong>
            {content?.schema && type === 'application/json' && (
              <CodeBlock label={`${d.api.answers} ${status}`} text={schemaText(content.schema, document)} />
            )}
          </div>
        )
      })}
    </div>
  )
}
