import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../lab/tools.ts'
import { consoleFacts, consoleScreen, plainText } from './console-text.ts'
import { keysOf } from './keys.ts'
import { greetingAt } from './outside.ts'
import { ovfEnvironment, propertiesIso } from './ovf-environment.ts'
import { resultTable, runStep, Skipped, sumUp } from './results.ts'
import { startTpm } from './software-tpm.ts'
import { portsIn, Vm } from './vm.ts'

const pairs = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0').toUpperCase())
const groups = Array.from({ length: 8 }, (_, index) => pairs.slice(index * 4, index * 4 + 4).join(':'))
const screen = (code: string) =>
  [
    '\u001b[H\u001b[2J Name         hoist',
    ' Open         \u001b[1mhttps://10.0.2.15/\u001b[0m',
    code,
    ' Certificate  SHA-256; compare it with what the browser shows:',
    `              \u001b[1m${groups.slice(0, 4).join('  ')}\u001b[0m`,
    `              \u001b[1m${groups.slice(4).join('  ')}\u001b[0m`,
    ' Health       all is well',
  ].join('\r\n')

t.test("the console's newest screen is read, and half a screen is none", async t => {
  const unclaimed = screen(' Setup code   \u001b[7m  K W T R  -  B H M X  -  P Q N V  -  D G F J  \u001b[0m')
  const facts = { urls: ['https://10.0.2.15/'], fingerprint: pairs.join(':') }
  t.strictSame(consoleFacts(unclaimed), { ...facts, setupCode: 'KWTR-BHMX-PQNV-DGFJ' })
  t.strictSame(consoleFacts(unclaimed + screen('')), facts, 'the code of an older screen does not count')
  t.equal(consoleFacts(unclaimed.slice(0, unclaimed.indexOf('1C:1D'))), undefined)
  t.equal(consoleFacts('Debian GNU/Linux'), undefined)
  t.equal(plainText('\u001b[31mred\u001b[0m\u001b(B'), 'red')
})

t.test("the console's newest screen is found in a VGA's memory, wherever it was scrolled to", async t => {
  const memory = Buffer.alloc(0x8000)
  const write = (row: number, text: string, colours = 0x07) => {
    for (const [column, sign] of [...text.padEnd(79)].entries()) {
      memory[row * 160 + column * 2] = sign.charCodeAt(0)
      memory[row * 160 + column * 2 + 1] = colours
    }
  }
  write(0, 'SeaBIOS')
  t.match(consoleScreen(memory), /^SeaBIOS\n/, 'there is no console yet')
  for (const top of [3, 9]) {
    write(top, ` Hoist ${top}`, 0x70)
    write(top + 2, ` Name  row ${top}`)
    write(top + 24, ' Number or arrows')
  }
  const lines = consoleScreen(memory).split('\n')
  t.strictSame([lines[0], lines[2], lines[24], lines.length], [' Hoist 9', ' Name  row 9', ' Number or arrows', 25])
  for (const [row, text] of plainText(screen(' Setup code     K W T R  -  B H M X  -  P Q N V  -  D G F J'))
    .trim()
    .split('\n')
    .entries())
    write(11 + row, ` ${text}`)
  t.match(consoleFacts(consoleScreen(memory)), { fingerprint: pairs.join(':'), setupCode: 'KWTR-BHMX-PQNV-DGFJ' })
})

t.test('text becomes keys, and what has no key is refused', async t => {
  t.strictSame(keysOf('aB 1!)-_\n'), ['a', 'shift-b', 'spc', '1', 'shift-1', 'shift-0', 'minus', 'shift-minus', 'ret'])
  t.throws(() => keysOf('ü'), RangeError)
})

t.test("properties stand in the CD-ROM's file as they were given", async t => {
  const given = { hostname: 'hoist.example.com', setup_code: 'a & "b" <c>', ssh_key: '' }
  const directory = mkdtempSync(join(tmpdir(), 'hoist-iso-'))
  const { iso, xml } = await propertiesIso(directory, given)
  t.equal(await run('isoinfo', ['-R', '-x', '/ovf-env.xml', '-i', iso]), ovfEnvironment(given))
  for (const [key, value] of Object.entries(given)) {
    const path = `string(//*[local-name()="Property"][@*[local-name()="key"]="${key}"]/@*[local-name()="value"])`
    t.equal((await run('xmllint', ['--xpath', path, xml])).replace(/\n$/, ''), value)
  }
})

t.test('the ports that qemu chose are read, and a missing one is told', async t => {
  const line = (host: number, guest: number) =>
    `  TCP[HOST_FORWARD]  12       127.0.0.1 ${host}       10.0.2.15 ${guest}     0     0\n`
  t.strictSame(portsIn(`net:\n${line(4001, 443)}${line(4002, 80)}${line(4003, 22)}${line(4004, 8080)}`), {
    ...{ 443: 4001, 80: 4002, 22: 4003, 8080: 4004 },
  })
  t.throws(() => portsIn(line(4001, 443)), /nothing to port 80/)
})

t.test('who says nothing is heard as nothing', async t => {
  const server = createServer(socket => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1')
  await new Promise(done => server.once('listening', done))
  const { port } = server.address() as { port: number }
  t.equal(await greetingAt(port, 5_000), 'SSH-2.0-x\r\n')
  await new Promise(done => server.close(done))
  t.equal(await greetingAt(port, 200), '')
})

t.test('a failed step fails all, a skipped one does not, and skipped ones alone prove nothing', async t => {
  const good = await runStep('good', async () => 'done')
  const skipped = await runStep('skipped', async () => {
    throw new Skipped('not here')
  })
  const bad = await runStep('bad', async () => {
    throw new Error('no\nmore lines')
  })
  t.match(sumUp([good, skipped], 1.4, 600), {
    ok: true,
    seconds: 1,
    withinLimit: true,
    steps: [{ name: 'good' }, { skipped: true, detail: 'not here' }],
  })
  t.match(sumUp([good, bad], 1, 600), { ok: false })
  t.match(sumUp([skipped], 1, 600), { ok: false })
  t.match(resultTable(sumUp([good, skipped, bad], 3, 600)), /bad +FAILED +0\.\d +no\n\nNOT ALL IS WELL; 3 s\n/)
  const built = { name: 'build', ok: true, seconds: 300, detail: '' }
  t.match(sumUp([built, skipped], 400, 600), { ok: false }, 'what was only built is not proven')
  t.equal(sumUp([built, good], 899, 600).withinLimit, true, 'the build does not count')
  t.match(resultTable(sumUp([built, good], 901, 600)), /All is well; 901 s, more than 600 s/)
})

t.test('a machine is started, typed at, looked at and cut off', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'hoist-vm-test-'))
  const disk = join(directory, 'empty.qcow2')
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '1M'])
  await using vm = await Vm.start({ disks: [disk], firmware: 'bios', devices: 'vmware', memoryMiB: 64 })
  t.equal(new Set(Object.values(vm.ports)).size, 4)
  await vm.type('hello\n')
  const text = await vm.until('the BIOS', 60_000, async () => {
    const shown = await vm.screenText()
    return /No bootable device|Boot failed/.test(shown) ? shown : undefined
  })
  t.match(text, /SeaBIOS/)
  await vm.cut()
  t.notOk(vm.runs)
  await t.rejects(
    vm.until('anything', 1_000, () => undefined),
    /qemu has ended/,
  )
})

t.test('a TPM keeps its state from machine to machine, and one that does not start says why', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'hoist-tpm-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const [disk, tpm] = [join(directory, 'empty.qcow2'), join(directory, 'state')]
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '1M'])
  mkdirSync(tpm)
  const options = { disks: [disk], firmware: 'bios', devices: 'vmware', memoryMiB: 64, tpm } as const
  for (let machine = 0; machine < 2; machine++) {
    await using vm = await Vm.start(options)
    t.match(await vm.qmp.command('query-tpm'), [{ model: 'tpm-crb' }])
    await vm.cut()
    t.ok(statSync(join(tpm, 'tpm2-00.permall')).size > 0)
  }
  await t.rejects(startTpm(tpm, join(directory, 'missing')), /swtpm did not start: .*No such file/)
})
