import { dirname, join } from 'node:path'
import t from 'tap'
import { CommandError, ensureTools, goCommand, goEnvironment, run } from './tools.ts'

// On empty caches `go vet` and `go test` compile everything that the lab imports.
t.setTimeout(900_000)

const labDirectory = import.meta.dirname
await ensureTools(['images', 'python', 's3'])
const go = await goCommand()
const inLab = (...args: string[]) => run(go, ['-C', labDirectory, ...args], { env: goEnvironment })

t.test("the lab's Go sources are formatted by gofmt", async t => {
  t.equal(await run(join(dirname(go), 'gofmt'), ['-l', labDirectory]), '')
})

t.test("go vet finds nothing in the lab's Go sources", async t => {
  await t.resolves(inLab('vet', './...'))
})

t.test("the tests of the lab's Go packages pass", async t => {
  const output = await inLab('test', '-json', './...').catch((error: unknown) => {
    if (error instanceof CommandError) return error.stdout
    throw error
  })
  const lines = output.split('\n')
  const events = lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as GoEvent)
  const ends = events.filter(({ Action, Test }) => Test !== undefined && ['pass', 'fail'].includes(Action))
  for (const { Action, Package, Test } of ends) {
    const said = events
      .filter(event => event.Package === Package && event.Test === Test)
      .flatMap(({ Output = '' }) => Output)
    t.equal(Action, 'pass', `${Package} ${Test}`, Action === 'pass' ? {} : { output: said.join('') })
  }
  t.ok(ends.length > 0)
  t.strictSame(
    events.filter(({ Action, Test }) => Action === 'fail' && Test === undefined).map(({ Package }) => Package),
    [],
    'every package compiles and passes',
  )
})

/** One line of `go test -json` (cmd/test2json). */
interface GoEvent {
  Action: string
  Package: string
  Test?: string
  Output?: string
}
