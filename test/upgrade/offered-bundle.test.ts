// The bundle on offer: whole or not at all, verified while it comes, one at a time, never in the way of the data.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { maxBundleBytes, OfferedBundle, type OfferedBundleOptions } from '../../appliance/upgrade/offered-bundle.ts'
import { forgedBundle, keyPair, sampleBundle } from './sample-release.ts'

const { privateKey, publicKey } = keyPair()
const foreign = keyPair()
const gib = 2 ** 30

function offered(t: Test, changes: Partial<OfferedBundleOptions> = {}) {
  const directory = join(t.testdir({}), 'uploads')
  let changes_ = 0
  const bundle = new OfferedBundle({
    directory,
    running: '1.0.0',
    keys: async () => [publicKey],
    freeBytes: () => 64 * gib,
    changed: () => {
      changes_++
    },
    now: () => new Date('2026-11-21T12:00:00Z'),
    ...changes,
  })
  return { bundle, directory, names: () => readdirSync(directory), changes: () => changes_ }
}

async function* pieces(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** A source that says whether it was let go of. */
function source(content: AsyncIterable<Buffer>, sizeBytes?: number) {
  const state = { closed: 0 }
  const open = async () => ({
    content,
    sizeBytes,
    close() {
      state.closed++
    },
  })
  return { open, state }
}

t.test('a bundle that comes whole is on offer, and the former one is gone', async t => {
  const { bundle, directory, names } = offered(t)
  const first = readFileSync(await sampleBundle(t.testdir({ x: {} }), privateKey))
  const { open, state } = source(pieces(first), first.length)
  t.match(await bundle.receive({ from: 'upload', open }), {
    version: '1.1.0',
    releasedAt: '2026-11-21T10:00:00Z',
    sizeBytes: first.length,
    receivedAt: '2026-11-21T12:00:00.000Z',
    file: 'hoist-1.1.0.tar',
  })
  t.ok(readFileSync(join(directory, 'hoist-1.1.0.tar')).equals(first))
  t.equal(state.closed, 1)
  const second = forgedBundle(privateKey, { fields: { version: '1.2.0' } })
  await bundle.receive({ from: 'url', open: source(pieces(second)).open })
  t.same(names(), ['hoist-1.2.0.tar'])
  t.equal(bundle.offer?.version, '1.2.0')
  await bundle.discard()
  t.same(names(), [])
  t.equal(bundle.offer, undefined)
})

t.test('what is tampered with, older, foreign, cut or too long is refused, and the former one stays', async t => {
  const { bundle, names } = offered(t)
  const good = forgedBundle(privateKey, {})
  await bundle.receive({ from: 'upload', open: source(pieces(good)).open })
  const flipped = Buffer.from(forgedBundle(privateKey, { fields: { version: '1.2.0' } }))
  flipped[700] = (flipped[700] ?? 0) ^ 1
  const cases: [string, Buffer][] = [
    ['RELEASE_UNTRUSTED', forgedBundle(foreign.privateKey, {})],
    ['RELEASE_UNTRUSTED', flipped],
    ['RELEASE_NOT_NEWER', forgedBundle(privateKey, { fields: { version: '1.0.0' } })],
    ['RELEASE_NOT_NEWER', forgedBundle(privateKey, { fields: { version: '0.9.0' } })],
    ['RELEASE_FOREIGN', forgedBundle(privateKey, { fields: { product: 'other' } })],
    ['RELEASE_STEP_MISSING', forgedBundle(privateKey, { fields: { minimumVersion: '1.0.5' } })],
    ['RELEASE_DAMAGED', good.subarray(0, good.length - 1)],
    ['RELEASE_DAMAGED', Buffer.concat([good, Buffer.alloc(1)])],
    ['RELEASE_DAMAGED', Buffer.from('an OVA')],
  ]
  for (const [code, bytes] of cases) {
    const { open, state } = source(pieces(bytes))
    await t.rejects(bundle.receive({ from: 'upload', open }), { code }, code)
    t.match(bundle.refused, { from: 'upload', code, at: '2026-11-21T12:00:00.000Z' })
    t.equal(state.closed, 1)
    t.same(names(), ['hoist-1.1.0.tar'])
    t.equal(bundle.offer?.version, '1.1.0')
  }
})

t.test('what is not signed is not waited for', async t => {
  const { bundle } = offered(t)
  let given = 0
  async function* endless(): AsyncGenerator<Buffer> {
    yield forgedBundle(foreign.privateKey, { fields: { archive: { sizeBytes: 2 ** 28, sha256: 'a'.repeat(64) } } })
    for (;;) {
      given++
      yield Buffer.alloc(1000)
    }
  }
  await t.rejects(bundle.receive({ from: 'url', open: source(endless()).open }), { code: 'RELEASE_UNTRUSTED' })
  t.ok(given < 3)
})

t.test('while one comes, another one is refused, and how far it is can be seen', async t => {
  const { bundle, changes } = offered(t)
  const bytes = forgedBundle(privateKey, {})
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  async function* slow(): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, 2048)
    begun.resolve()
    await gate.promise
    yield bytes.subarray(2048)
  }
  const first = bundle.receive({ from: 'upload', open: source(slow(), bytes.length).open })
  await begun.promise
  t.match(bundle.receiving, { from: 'upload', receivedBytes: 2048, totalBytes: bytes.length })
  await t.rejects(bundle.receive({ from: 'url', open: source(slow()).open }), { code: 'RELEASE_BUSY' })
  gate.resolve()
  t.match(await first, { version: '1.1.0' })
  t.equal(bundle.receiving, undefined)
  t.ok(changes() >= 2)
})

t.test('a source that falls silent, drips, breaks or is given up leaves nothing', async t => {
  const { bundle, names } = offered(t, { stallMs: 30 })
  async function* silent(): AsyncGenerator<Buffer> {
    yield forgedBundle(privateKey, {}).subarray(0, 2048)
    await new Promise(() => undefined)
  }
  await t.rejects(bundle.receive({ from: 'url', open: source(silent()).open }), {
    code: 'RELEASE_INTERRUPTED',
    message: /No byte/,
  })
  async function* dripping(): AsyncGenerator<Buffer> {
    for (const byte of forgedBundle(privateKey, {})) {
      yield Buffer.of(byte)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  }
  const impatient = offered(t, { wholeMs: 50 })
  await t.rejects(impatient.bundle.receive({ from: 'url', open: source(dripping()).open }), {
    code: 'RELEASE_INTERRUPTED',
    message: /not whole/,
  })
  t.same(impatient.names(), [])
  async function* broken(): AsyncGenerator<Buffer> {
    yield forgedBundle(privateKey, {}).subarray(0, 2048)
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  }
  await t.rejects(bundle.receive({ from: 'upload', open: source(broken()).open }), { code: 'RELEASE_INTERRUPTED' })
  t.equal(bundle.refused?.code, 'RELEASE_INTERRUPTED')
  const given = bundle.receive({ from: 'upload', open: source(silent()).open })
  bundle.cancel()
  await t.rejects(given, { code: 'RELEASE_INTERRUPTED', statusCode: 409 })
  t.equal(bundle.refused, undefined, 'who gave it up needs no reason')
  t.same(names(), [])
})

t.test('room is looked for before, and a full disk is named', async t => {
  const { bundle, names } = offered(t, { freeBytes: () => gib })
  const large = source(pieces(Buffer.alloc(10)), 600 * 2 ** 20)
  await t.rejects(bundle.receive({ from: 'upload', open: large.open }), { code: 'RELEASE_TOO_LARGE' })
  const fits = source(pieces(forgedBundle(privateKey, {})), 400 * 2 ** 20)
  await bundle.receive({ from: 'upload', open: fits.open })
  async function* full(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(1)
    throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', syscall: 'write' })
  }
  await t.rejects(bundle.receive({ from: 'upload', open: source(full()).open }), { code: 'RELEASE_NO_ROOM' })
  t.same(names(), ['hoist-1.1.0.tar'])
  const tight = offered(t, { freeBytes: () => 700 * 2 ** 20 })
  const wide = source(pieces(Buffer.alloc(10)), 400 * 2 ** 20)
  await t.rejects(tight.bundle.receive({ from: 'upload', open: wide.open }), {
    code: 'RELEASE_NO_ROOM',
    message: /700 MiB free/,
  })
  t.ok(maxBundleBytes < 520 * 2 ** 20)
})

t.test('who only looks is told of nothing that is not newer, and that is no refusal', async t => {
  const { bundle } = offered(t)
  const look = (version: string) =>
    bundle.receive({
      from: 'bucket',
      look: true,
      open: source(pieces(forgedBundle(privateKey, { fields: { version } }))).open,
    })
  t.equal(await look('1.0.0'), undefined)
  t.match(await look('1.1.0'), { version: '1.1.0' })
  t.equal(await look('1.1.0'), undefined, 'it is there already')
  t.equal(await look('1.0.9'), undefined)
  t.match(await look('1.2.0'), { version: '1.2.0' })
  t.equal(bundle.refused, undefined)
})

t.test('after a start the bundle is found again, verified again; what is of no use goes', async t => {
  const { directory, bundle: before, names } = offered(t)
  await before.receive({ from: 'upload', open: source(pieces(forgedBundle(privateKey, {}))).open })
  writeFileSync(join(directory, 'hoist-incoming.part'), 'half')
  writeFileSync(join(directory, 'hoist-3.0.0.tar'), forgedBundle(foreign.privateKey, {}))
  writeFileSync(join(directory, 'notes.txt'), "somebody's")
  const again = (running: string) =>
    new OfferedBundle({
      ...{ directory, running, keys: async () => [publicKey], freeBytes: () => undefined },
      ...{ changed: () => undefined, now: () => new Date() },
    })
  const same = again('1.0.0')
  await same.find()
  t.match(same.offer, { version: '1.1.0', file: 'hoist-1.1.0.tar' })
  t.same(names(), ['hoist-1.1.0.tar', 'notes.txt'])
  const upgraded = again('1.1.0')
  await upgraded.find()
  t.equal(upgraded.offer, undefined)
  t.same(names(), ['notes.txt'])
})

/** Bundles that an earlier start has left, by their names. */
function leave(directory: string, bundles: Record<string, Buffer>): void {
  mkdirSync(directory, { recursive: true })
  for (const [name, bytes] of Object.entries(bundles)) writeFileSync(join(directory, name), bytes)
}

t.test('of two bundles that a power cut has left, the newest is on offer and the other goes', async t => {
  const { directory, bundle, names } = offered(t)
  const of = (version: string) => forgedBundle(privateKey, { fields: { version } })
  leave(directory, {
    'hoist-1.10.0.tar': of('1.10.0'),
    'hoist-1.2.0.tar': of('1.2.0'),
    'hoist-1.9.0.tar': of('1.9.0'),
  })
  await bundle.find()
  t.equal(bundle.offer?.version, '1.10.0')
  t.same(names(), ['hoist-1.10.0.tar'])
})

t.test('what is itself at fault goes at a start: damaged, misnamed, a link, a directory', async t => {
  const { directory, bundle, names } = offered(t)
  const good = forgedBundle(privateKey, {})
  const impossible = Buffer.from(good)
  impossible.write('777777777777', 124, 'latin1')
  leave(directory, {
    'hoist-1.2.0.tar': good,
    'hoist-1.3.0.tar': good.subarray(0, 1000),
    'hoist-1.4.0.tar': impossible,
    kept: good,
  })
  symlinkSync(join(directory, 'kept'), join(directory, 'hoist-1.1.0.tar'))
  mkdirSync(join(directory, 'hoist-1.5.0.tar/full'), { recursive: true })
  await bundle.find()
  t.same(names(), ['kept'])
  t.same([bundle.offer, bundle.refused], [undefined, undefined])
})

t.test('a bundle stays when the keys cannot be read at a start, and is on offer after the next one', async t => {
  let failure: Error | undefined = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
  const keys = async () => {
    if (failure) throw failure
    return [publicKey]
  }
  const { directory, bundle, names } = offered(t, { keys })
  leave(directory, { 'hoist-1.1.0.tar': forgedBundle(privateKey, {}), 'hoist-incoming.part': Buffer.from('half') })
  await bundle.find()
  t.same(names(), ['hoist-1.1.0.tar'])
  t.equal(bundle.offer, undefined)
  t.match(bundle.refused, { code: 'RELEASE_UNREADABLE', message: /EACCES/, hint: /It is kept/ })
  // As an image without a key says it.
  failure = new ApplianceError('RELEASE_UNTRUSTED', 'There is no key.', { hint: 'Take another.' })
  await bundle.find()
  t.same(names(), ['hoist-1.1.0.tar'])
  t.match(bundle.refused, { code: 'RELEASE_UNREADABLE', message: /There is no key/ })
  failure = undefined
  await bundle.find()
  t.equal(bundle.offer?.version, '1.1.0')
})

/** Takes every file that this process may still open, until it is given back. */
function hoard(): () => void {
  const limit = (soft: string) => execFileSync('prlimit', ['--pid', `${process.pid}`, `--nofile=${soft}:`])
  const before = execFileSync('prlimit', ['--pid', `${process.pid}`, '--nofile', '--output=SOFT', '--noheadings'])
  limit('256')
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {
    // There are no more: that is what was wanted.
  }
  return () => {
    for (const file of taken) closeSync(file)
    limit(before.toString().trim())
  }
}

t.test('a bundle stays when the system cannot open it at a start', async t => {
  let giveBack: () => void = () => undefined
  const keys = async () => {
    giveBack = hoard()
    return [publicKey]
  }
  const { directory, bundle, names } = offered(t, { keys })
  leave(directory, { 'hoist-1.1.0.tar': forgedBundle(privateKey, {}) })
  try {
    await bundle.find()
  } finally {
    giveBack()
  }
  t.same(names(), ['hoist-1.1.0.tar'])
  t.equal(bundle.offer, undefined)
  t.match(bundle.refused, { code: 'RELEASE_UNREADABLE', message: /hoist-1\.1\.0\.tar.*EMFILE/ })
})

t.test('a bundle that was received while an earlier one was looked at is the one on offer', async t => {
  const of = (version: string) => forgedBundle(privateKey, { fields: { version } })
  const earlier = { 'hoist-1.1.0.tar': of('1.1.0'), 'hoist-1.3.0.tar': of('1.3.0') }
  const { directory, bundle, names } = offered(t, {
    async keys() {
      if (bundle.receiving || bundle.offer) return [publicKey]
      await bundle.receive({ from: 'upload', open: source(pieces(of('1.2.0'))).open })
      // As if it had been read already when the upload removed it.
      leave(directory, { 'hoist-1.3.0.tar': earlier['hoist-1.3.0.tar'] })
      return [publicKey]
    },
  })
  leave(directory, { ...earlier, 'hoist-1.2.0.tar': Buffer.from('half') })
  await bundle.find()
  t.equal(bundle.offer?.version, '1.2.0')
  t.equal(bundle.refused, undefined)
  t.ok(names().includes('hoist-1.2.0.tar'))
})

t.test('a bundle that comes while an earlier start is looked through is left alone', async t => {
  const { bundle, names } = offered(t)
  const bytes = forgedBundle(privateKey, {})
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  async function* slow(): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, 2048)
    begun.resolve()
    await gate.promise
    yield bytes.subarray(2048)
  }
  const coming = bundle.receive({ from: 'upload', open: source(slow()).open })
  await begun.promise
  await bundle.find()
  gate.resolve()
  t.match(await coming, { version: '1.1.0' })
  t.same(names(), ['hoist-1.1.0.tar'])
})

t.test('what has come before a pause is told of during the pause', async t => {
  const told: (number | undefined)[] = []
  const { bundle } = offered(t, { changed: () => void told.push(bundle.receiving?.receivedBytes) })
  const bytes = forgedBundle(privateKey, {})
  const gate = Promise.withResolvers<void>()
  async function* pausing(): AsyncGenerator<Buffer> {
    yield* pieces(bytes.subarray(0, 2048), 512)
    await gate.promise
    yield bytes.subarray(2048)
  }
  const coming = bundle.receive({ from: 'url', open: source(pausing()).open })
  while (!told.includes(2048)) await new Promise(resolve => setTimeout(resolve, 10))
  t.same(told, [0, 2048], 'and not each piece by itself')
  gate.resolve()
  await coming
  t.equal(told.at(-1), undefined)
})
