import { EventEmitter } from 'node:events'
import t from 'tap'
import { frameOf } from '../../appliance/console/frame.ts'
import { openTerminal } from '../../appliance/console/terminal.ts'
import { ScreenModel } from './screen-model.ts'

function start(size: { columns?: number; rows?: number } = {}) {
  const raw: boolean[] = []
  const input = Object.assign(new EventEmitter(), { setRawMode: (on: boolean) => raw.push(on) })
  const written: string[] = []
  const output = Object.assign(new EventEmitter(), {
    ...size,
    full: false,
    write(text: string): boolean {
      written.push(text)
      return !this.full
    },
  })
  return { input, output, raw, written, terminal: openTerminal(input, output) }
}

t.test('keys come one by one, those that were dropped never; a sequence may come in pieces', async t => {
  const { input, raw, terminal } = start()
  t.strictSame(raw, [true])
  input.emit('data', Buffer.from('abc'))
  t.match(await terminal.nextKey(1), { character: 'a' })
  terminal.dropKeys()
  const next = terminal.nextKey(60_000)
  input.emit('data', Buffer.from('\x1b'))
  input.emit('data', Buffer.from('[A'))
  t.match(await next, { name: 'up' })
  const [first, second] = Buffer.from('ü')
  input.emit('data', Buffer.from([first ?? 0]))
  input.emit('data', Buffer.from([second ?? 0]))
  t.match(await terminal.nextKey(1), { character: 'ü' })
  const alone = terminal.nextKey(60_000)
  input.emit('data', Buffer.from('\x1b'))
  t.match(await alone, { name: 'escape' })
  t.equal(await terminal.nextKey(1), undefined)
})

t.test('a line without a size has 80 by 24; a screen that changes its size is drawn whole', async t => {
  t.strictSame(start({ columns: 0, rows: 0 }).terminal.size, { columns: 80, rows: 24 })
  const { output, terminal, written } = start({ columns: 100, rows: 30 })
  t.strictSame(terminal.size, { columns: 100, rows: 30 })
  const show = () => terminal.show(frameOf({ title: 'T', body: ['x'], help: '' }, terminal.size))
  show()
  show()
  t.equal(written.length, 1)
  const next = terminal.nextKey(60_000)
  output.emit('resize')
  t.equal(await next, undefined)
  show()
  t.equal(written.length, 2)
  const screen = new ScreenModel(100, 30)
  screen.write(written.join(''))
  t.equal(screen.clears, 2)
})

t.test('a terminal that is gone ends the waiting, and is left as others expect it', async t => {
  const { input, raw, terminal, written } = start()
  const waiting = terminal.nextKey(60_000)
  input.emit('end')
  await t.rejects(waiting, /gone/)
  await t.rejects(terminal.nextKey(1), /gone/)
  terminal.close()
  t.strictSame(raw, [true, false])
  t.match(written.at(-1), '\x1b[?25h')
})

t.test('what is sent as it is waits for a slow line, and the next screen is drawn whole', async t => {
  const { output, terminal, written } = start()
  output.full = true
  let ended = false
  const sending = terminal.send('base64').then(() => {
    ended = true
  })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(ended, false)
  output.emit('drain')
  await sending
  terminal.show(frameOf({ title: 'T', body: [], help: '' }, terminal.size))
  t.match(written.at(-1), '\x1b[2J')
})
