// The Grafana dashboard in docs/: it asks for what /metrics has, by labels that are there, and leaves nothing out.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createMetrics } from '../../appliance/metrics/metrics.ts'
import { sampleRun } from '../store/samples.ts'
import { readMetrics } from './read-metrics.ts'
import { sampleNow, sampleReaders } from './samples.ts'

interface Target {
  refId: string
  expr: string
  legendFormat: string
  datasource: { type: string; uid: string }
}
interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { type: string; uid: string }
  targets?: Target[]
}
interface Dashboard {
  uid: string
  title: string
  schemaVersion: number
  templating: { list: { name: string; type: string; query: string | { query: string } }[] }
  panels: Panel[]
}

const path = join(import.meta.dirname, '../../docs/grafana/hoist.json')
const dashboard: Dashboard = JSON.parse(await readFile(path, 'utf8'))
const targets = dashboard.panels.flatMap(panel => (panel.targets ?? []).map(target => ({ panel, ...target })))

const metrics = createMetrics({
  version: '1.2.3',
  readers: sampleReaders(),
  now: () => sampleNow,
  onError: error => t.fail('a reader failed', { error }),
})
t.teardown(() => metrics.close())
metrics.observe(sampleRun(1, { state: 'uploading' }))
metrics.observe(sampleRun(1, { state: 'uploading', retries: { SlowDown: 2 } }))

/** Labels of every sample's name. Prometheus itself adds the instance. */
const labelsOf = new Map<string, Set<string>>()
for (const { samples } of Object.values(await readMetrics(await metrics.text())))
  for (const { name, labels } of samples) {
    const known = labelsOf.get(name) ?? new Set(['instance'])
    for (const label of Object.keys(labels)) known.add(label)
    labelsOf.set(name, known)
  }
const metricName = /\b(?:hoist|process|nodejs)_[a-z_]+/g

t.test('every metric that it asks for is told, and every metric that is told is drawn', async t => {
  const asked = new Set(targets.flatMap(({ expr }) => expr.match(metricName) ?? []))
  t.ok(asked.size > 20)
  t.same(
    [...asked].filter(name => !labelsOf.has(name)),
    [],
    'asked for but not told',
  )
  t.same(
    [...labelsOf.keys()].filter(name => !asked.has(name)),
    [],
    'told but not drawn',
  )
})

t.test('it groups, filters and names by labels that the metric has', async t => {
  for (const { panel, expr, legendFormat } of targets) {
    const names = expr.match(metricName) ?? []
    t.ok(names.length > 0, panel.title)
    const used = [
      ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map(label => label.trim())),
      ...[...expr.matchAll(/[{,]([a-z_]+)=~?"/g)].map(([, label = '']) => label),
      ...[...legendFormat.matchAll(/\{\{([a-z_]+)\}\}/g)].map(([, label = '']) => label),
    ]
    for (const label of used)
      for (const name of names) t.ok(labelsOf.get(name)?.has(label), `${panel.title}: ${label} of ${name}`)
  }
})

t.test('counters are drawn as rates or increases', async t => {
  for (const { panel, expr } of targets) {
    if (!/_(total|bucket|sum|count)\b/.test(expr)) continue
    t.match(expr, /(rate|increase)\([a-z_]+\{[^}]*\}\[(\$__rate_interval|\d+[mh])\]\)/, panel.title)
  }
})

t.test('the data source and the appliance can be chosen', async t => {
  t.match(dashboard.templating.list, [
    { name: 'datasource', type: 'datasource', query: 'prometheus' },
    { name: 'instance', type: 'query', query: { query: 'label_values(hoist_info, instance)' } },
  ])
  const chosen = { type: 'prometheus', uid: '$' + '{datasource}' }
  for (const { panel, datasource, expr } of targets) {
    t.same(panel.datasource, chosen, panel.title)
    t.same(datasource, chosen, panel.title)
    t.equal((expr.match(metricName) ?? []).length, (expr.match(/instance=~"\$instance"/g) ?? []).length, panel.title)
  }
})

t.test('panels have ids and titles of their own, lie on the grid of 24 columns, and do not overlap', async t => {
  const { panels } = dashboard
  t.ok(dashboard.schemaVersion >= 36)
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  t.equal(new Set(panels.map(({ title }) => title)).size, panels.length)
  const cells = new Set<string>()
  for (const { title, gridPos, type, targets = [] } of panels) {
    t.match(type, /^(row|stat|timeseries|table)$/)
    t.equal(targets.length === 0, type === 'row', title)
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    t.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const cell = `${x} ${y}`
        if (cells.has(cell)) t.fail(`${title} overlaps at ${cell}`)
        cells.add(cell)
      }
  }
})
