// The connectors that share the AWS account and this vCenter, as far as both sides could be asked.
import { api } from '../api.ts'
import type { ConnectorList } from '../contract.ts'
import { moment } from '../format.ts'
import { useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { h } from '../locale/en-dashboard.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { EmptyState, Loading, Problem } from '../ui/messages.tsx'
import { type SimpleColumn, SimpleTable } from '../ui/simple-table.tsx'

type Row = ConnectorList['items'][number]
const words = h.connectors

export function AllConnectors() {
  const list = useResource(signal => api.connectors(signal))
  const { data, error } = list
  return (
    <Card
      title={words.all}
      actions={
        <Button icon="turn" busy={list.loading} onClick={list.reload}>
          {t.refresh}
        </Button>
      }
    >
      {error ? <Problem error={error} onRetry={list.reload} /> : data ? <Listed list={data} /> : <Loading />}
    </Card>
  )
}

function Listed({ list }: { list: ConnectorList }) {
  const vcenterKnown = !list.problems.some(({ side }) => side === 'vcenter')
  return (
    <>
      <p>{list.region === undefined ? words.allTextPlain : words.allText(list.region)}</p>
      {list.problems.map(problem => (
        <Problem
          key={problem.side}
          kind="warning"
          error={{ ...problem, message: `${words.sides[problem.side]} ${problem.message}` }}
        />
      ))}
      <SimpleTable<Row> label={words.title} rows={list.items} rowKey={row => row.id} columns={columns(vcenterKnown)} />
      {list.items.length === 1 && list.problems.length === 0 ? (
        <EmptyState icon="plug" title={words.alone}>
          {words.aloneHint}
        </EmptyState>
      ) : (
        <p class="hint">{words.othersText}</p>
      )}
    </>
  )
}

function columns(vcenterKnown: boolean): SimpleColumn<Row>[] {
  const unknown = <span class="muted">{words.notKnown}</span>
  return [
    {
      title: words.columns.connector,
      cell: row => (
        <>
          <code>{row.id}</code>
          {row.isThis && ` (${words.isThis})`}
        </>
      ),
    },
    {
      title: words.columns.aws,
      cell: ({ aws }) => {
        if (!aws) return unknown
        if (aws.images + aws.snapshots === 0) return <span class="muted">{words.nothingYet}</span>
        return (
          <>
            {words.made(aws.images, aws.snapshots)}
            {aws.newestAt && <div class="hint">{words.newest(moment(aws.newestAt))}</div>}
          </>
        )
      },
    },
    {
      title: words.columns.vcenter,
      cell: ({ vcenter }) => {
        if (!vcenter) return <span class="muted">{vcenterKnown ? words.notInVcenter : words.notKnown}</span>
        return (
          <>
            {words.inVcenter(vcenter.version)}
            {vcenter.lastSeenAt && <div class="hint">{words.seen(moment(vcenter.lastSeenAt))}</div>}
          </>
        )
      },
    },
  ]
}
