// Upgrades that go well, that do not, and that a power cut ends at every step: on real directories and databases, with a service
// that is none.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { dropKeptDatabase, keepDatabase, restoreDatabase, tryMigration } from '../../appliance/upgrade/database-copy.ts'
import { releasesIn } from '../../appliance/upgrade/releases.ts'
import { recoverUpgrade, type UpgradeGround, upgrade } from '../../appliance/upgrade/upgrade.ts'
import { readUpgradeState, writeUpgradeState } from '../../appliance/upgrade/upgrade-state.ts'
import { Random } from '../chaos/random.ts'

const move = { from: '1.0.0', to: '1.1.0' }
type Kind = 'good' | 'unhealthy' | 'no migration' | 'no boot' | 'does not start'
const kinds: Kind[] = ['good', 'unhealthy', 'no migration', 'no boot', 'does not start']

const top = mkdtempSync(join(tmpdir(), 'hoist-upgrade-'))
t.teardown(() => rmSync(top, { recursive: true, force: true }))
const template = join(top, 'hoist.db')
openDatabase(template).close()
change(template, "CREATE TABLE word (text); INSERT INTO word VALUES ('of 1.0.0')")

function change(path: string, text: string): void {
  const sqlite = new DatabaseSync(path)
  sqlite.exec(text)
  sqlite.close()
}

/** A machine that a power cut can stop: what was under way goes no further, and nothing in memory stays. */
class Machine {
  readonly directory = mkdtempSync(join(top, 'machine-'))
  readonly dataDir = join(this.directory, 'data')
  readonly #statePath = join(this.directory, 'state.json')
  readonly #kind: Kind
  readonly #releases = releasesIn(this.directory)
  /** Version of the service that runs. */
  running: string | undefined
  readonly said: string[] = []

  constructor(kind: Kind) {
    this.#kind = kind
    for (const path of ['data', 'releases/0.9.0', 'releases/1.0.0', 'releases/1.1.0'])
      mkdirSync(join(this.directory, path), { recursive: true })
    cpSync(template, join(this.dataDir, 'hoist.db'))
    for (const link of ['current', 'proven']) symlinkSync('releases/1.0.0', join(this.directory, link))
    this.running = '1.0.0'
  }

  get current() {
    return readlinkSync(join(this.directory, 'current')).replace('releases/', '')
  }

  get proven() {
    return readlinkSync(join(this.directory, 'proven')).replace('releases/', '')
  }

  get database() {
    return join(this.dataDir, 'hoist.db')
  }

  readState() {
    return readUpgradeState(this.#statePath)
  }

  ground(): UpgradeGround {
    return {
      readState: () => this.readState(),
      writeState: state => writeUpgradeState(this.#statePath, state),
      switchTo: version => this.#releases.switchTo(version),
      prove: version => this.#releases.prove(version),
      tryPrograms: async () => {
        if (this.#kind === 'no boot') throw new Error('It does not load.')
      },
      keepOnly: versions => this.#releases.keepOnly(versions),
      stop: async () => {
        this.running = undefined
      },
      start: async () => this.start(),
      awaitHealthy: async () => {
        if (this.running === '1.1.0' && this.#kind === 'unhealthy') throw new Error('It was not well.')
      },
      database: {
        keep: () => keepDatabase(this.dataDir),
        tryMigration: async () => {
          await tryMigration(this.dataDir)
          if (this.#kind === 'no migration')
            throw new ApplianceError('STORE_DAMAGED', 'A step failed.', { hint: 'Ask.' })
        },
        restore: () => restoreDatabase(this.dataDir),
        dropKept: () => dropKeptDatabase(this.dataDir),
      },
      now: () => new Date('2026-11-21T10:00:00Z'),
      say: text => this.said.push(text),
    }
  }

  /** The new release changes the schema, so that the old one could not open it any more. */
  start() {
    if (this.running !== undefined) return
    if (this.current === '1.0.0') openDatabase(this.database).close()
    else {
      if (this.#kind === 'does not start') throw new Error('It did not start.')
      change(this.database, "PRAGMA user_version = 99; DELETE FROM word; INSERT INTO word VALUES ('of 1.1.0')")
    }
    this.running = this.current
  }

  word() {
    const sqlite = new DatabaseSync(this.database)
    try {
      return sqlite.prepare('SELECT text FROM word').get()?.text
    } finally {
      sqlite.close()
    }
  }

  remove() {
    rmSync(this.directory, { recursive: true })
  }
}

/** The ground, with a power cut before or after its nth effect; `cut` resolves when it has come. */
function cutAt(ground: UpgradeGround, at: number, when: 'before' | 'after') {
  const cut = Promise.withResolvers<void>()
  const never = new Promise<never>(() => undefined)
  let count = 0
  const power = async (effect: () => Promise<unknown>) => {
    const mine = count++ === at
    if (mine && when === 'before') {
      cut.resolve()
      await never
    }
    const [ended] = await Promise.allSettled([effect()])
    if (mine) {
      cut.resolve()
      await never
    }
    if (ended.status === 'rejected') throw ended.reason
    return ended.value
  }
  const wired = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, key) {
        const value = Reflect.get(of, key) as unknown
        if (key === 'now' || key === 'say') return value
        if (typeof value === 'function')
          return (...given: unknown[]) => power(() => value.apply(of, given) as Promise<unknown>)
        return typeof value === 'object' && value !== null ? wired(value) : value
      },
    })
  return { ground: wired(ground), cut: cut.promise, effects: () => count }
}

/** What must be so whatever has happened; undefined when it is. */
async function flaw(machine: Machine, kind: Kind): Promise<string | undefined> {
  const state = await machine.readState()
  const { running, current, proven } = machine
  if (state.phase !== 'settled') return `the state is ${state.phase}`
  if (proven !== current) return `${proven} is proven, and ${current} is current`
  if (running !== current) return `${running} runs, and ${current} is current`
  if (current !== '1.0.0' && (current !== '1.1.0' || kind !== 'good')) return `${current} is current`
  if (!existsSync(join(machine.directory, 'current'))) return 'the current release is gone'
  if (machine.word() !== `of ${current}`) return `${current} has the database "${machine.word()}"`
  const names = readdirSync(machine.dataDir).filter(name => name !== 'hoist.db')
  if (names.length > 0) return `${names} are left`
  if (state.last && (state.last.result === 'upgraded') !== (current === '1.1.0'))
    return `the outcome is ${state.last.result}`
  return undefined
}

/** What systemd does at a start of the machine. */
async function boot(machine: Machine) {
  machine.running = undefined
  await recoverUpgrade(machine.ground())
  machine.start()
}

t.test('a good release runs afterwards, with its database, and the one before it is kept', async t => {
  const machine = new Machine('good')
  const outcome = await upgrade(machine.ground(), move)
  t.same(outcome, { ...move, result: 'upgraded', at: '2026-11-21T10:00:00.000Z' })
  t.equal(machine.running, '1.1.0')
  t.equal(await flaw(machine, 'good'), undefined)
  t.same(readdirSync(join(machine.directory, 'releases')), ['1.0.0', '1.1.0'])
  t.same(await machine.readState(), { phase: 'settled', last: outcome })
})

t.test('a bad one is rolled back by itself, and the outcome says why', async t => {
  const expected: [Kind, object][] = [
    ['unhealthy', { result: 'rolled-back', reason: /^It was not well/ }],
    ['does not start', { result: 'rolled-back', reason: /^It did not start/ }],
    ['no boot', { result: 'refused', reason: /^It does not load/ }],
    ['no migration', { result: 'refused', reason: 'A step failed. Ask.' }],
  ]
  for (const [kind, outcome] of expected) {
    const machine = new Machine(kind)
    t.match(await upgrade(machine.ground(), move), outcome, kind)
    t.equal(machine.running, '1.0.0')
    t.equal(await flaw(machine, kind), undefined)
    t.same(readdirSync(join(machine.directory, 'releases')), ['1.0.0'])
  }
})

t.test('a power cut before and after every step ends in a working release', async t => {
  for (const kind of kinds) {
    const whole = new Machine(kind)
    const counting = cutAt(whole.ground(), -1, 'before')
    await upgrade(counting.ground, move)
    whole.remove()
    t.ok(counting.effects() >= 8, `${kind}: ${counting.effects()} steps`)
    for (let at = 0; at < counting.effects(); at++) {
      for (const when of ['before', 'after'] as const) {
        const machine = new Machine(kind)
        const cutting = cutAt(machine.ground(), at, when)
        void upgrade(cutting.ground, move)
        await cutting.cut
        const { phase } = await machine.readState()
        const onTrial = phase === 'trying' && machine.proven !== '1.0.0' && kind !== 'good'
        t.notOk(onTrial, 'what brings the machine back is never on trial')
        await boot(machine)
        t.equal(await flaw(machine, kind), undefined, `${kind}, ${when} step ${at}`)
        machine.remove()
      }
    }
  }
})

t.test('so do several, the later ones while the first is made good', async t => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new Random('cuts', seed)
    const kind = random.pick(kinds)
    const machine = new Machine(kind)
    const when = () => random.pick(['before', 'after'] as const)
    const first = cutAt(machine.ground(), random.integer(0, 13), when())
    await Promise.race([first.cut, upgrade(first.ground, move)])
    for (let cuts = random.integer(1, 3); cuts > 0; cuts--) {
      machine.running = undefined
      const next = cutAt(machine.ground(), random.integer(0, 8), when())
      await Promise.race([next.cut, recoverUpgrade(next.ground)])
    }
    await boot(machine)
    const found = await flaw(machine, kind)
    if (found !== undefined) t.fail(`seed ${seed}: ${found}`)
    machine.remove()
  }
  t.pass('100 upgrades with several power cuts')
})

t.test('a release that was unpacked, and never tried, is gone after the next start', async t => {
  const machine = new Machine('good')
  await boot(machine)
  t.same(readdirSync(join(machine.directory, 'releases')), ['1.0.0'])
  t.equal(machine.running, '1.0.0')
})

t.test('an upgrade can follow whatever became of the one before', async t => {
  const machine = new Machine('good')
  const cutting = cutAt(machine.ground(), 5, 'after')
  void upgrade(cutting.ground, move)
  await cutting.cut
  await boot(machine)
  t.equal(machine.running, '1.0.0')
  mkdirSync(join(machine.directory, 'releases/1.1.0'))
  t.match(await upgrade(machine.ground(), move), { result: 'upgraded' })
  t.equal(await flaw(machine, 'good'), undefined)
})

t.test(
  'what cannot be removed afterwards is said, and keeps neither the upgrade nor the next start from its end',
  async t => {
    const machine = new Machine('good')
    const ground = machine.ground()
    ground.database.dropKept = async () => {
      throw new Error('It is a directory.')
    }
    t.match(await upgrade(ground, move), { result: 'upgraded' })
    t.equal(machine.running, '1.1.0')
    t.equal(await recoverUpgrade(ground), undefined)
    t.match(machine.said, [/^what was kept .*It is a directory\./, /It is a directory\./])
    t.same(readdirSync(join(machine.directory, 'releases')), ['1.0.0', '1.1.0'])
  },
)
