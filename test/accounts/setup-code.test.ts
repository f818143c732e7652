// The setup code: easy to type, kept until there is an administrator, and hard to guess.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { goodPassword, startAccessLab } from './access-lab.ts'

async function start(t: Test) {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  return lab
}
const administrator = { name: 'anna', password: goodPassword }

t.test('it is four groups of four letters that nobody takes for others', async t => {
  const codes = new Set<string>()
  for (let time = 0; time < 5; time++) {
    const { access } = await start(t)
    codes.add((await access.ensureSetupCode()) ?? '')
  }
  t.equal(codes.size, 5)
  for (const code of codes) t.match(code, /^([BCDFGHJKMNPQRTVWXZ]{4}-){3}[BCDFGHJKMNPQRTVWXZ]{4}$/)
})

t.test('it is the same at every start, until there is an administrator', async t => {
  const { access, restart } = await start(t)
  const code = await access.ensureSetupCode()
  t.equal(await access.ensureSetupCode(), code)
  const again = await restart()
  t.equal(await again.ensureSetupCode(), code)
  await again.setupCode.check(code ?? '', 'a')
  await again.claim(administrator)
  t.equal(await again.ensureSetupCode(), undefined)
  await t.rejects(again.setupCode.check(code ?? '', 'a'), { code: 'ALREADY_CLAIMED' })
  t.equal(await (await restart()).ensureSetupCode(), undefined)
})

t.test('a code that is left when there is an administrator goes', async t => {
  const { access, store } = await start(t)
  await access.ensureSetupCode()
  await access.accounts.create({ ...administrator, role: 'administrator' })
  t.equal(await access.ensureSetupCode(), undefined)
  t.equal(await store.secrets.get('setup.code'), undefined)
})

t.test('case, blanks and dashes do not matter; anything else does', async t => {
  const { access, clock } = await start(t)
  const code = (await access.ensureSetupCode()) ?? ''
  for (const typed of [code, code.toLowerCase(), code.replaceAll('-', ''), ` ${code.replaceAll('-', ' – ')} `])
    await t.resolves(access.setupCode.check(typed, 'a'), typed)
  clock.add(600_000)
  const swapped = `${code.slice(1)}${code[0]}`
  for (const typed of ['', '-', code.slice(1), `${code}B`, swapped === code ? 'x' : swapped])
    await t.rejects(access.setupCode.check(typed, 'a'), { code: 'SETUP_CODE_WRONG', statusCode: 403 }, typed)
})

t.test('a code of another length is a slip, and costs no attempt', async t => {
  const { access } = await start(t)
  const code = (await access.ensureSetupCode()) ?? ''
  for (let time = 0; time < 20; time++)
    await t.rejects(access.setupCode.check(code.slice(1), 'a'), { code: 'SETUP_CODE_WRONG', message: /16 letters/ })
  await t.resolves(access.setupCode.check(code, 'a'))
})

t.test('without a code nothing is right, not even nothing', async t => {
  const { access } = await start(t)
  for (const typed of ['', 'BCDF-BCDF-BCDF-BCDF'])
    await t.rejects(access.setupCode.check(typed, typed), { code: 'SETUP_CODE_WRONG' })
})

t.test('after a lost key file there is a new code', async t => {
  const { access, dataDir, restart } = await start(t)
  const code = await access.ensureSetupCode()
  const path = join(dataDir, 'secrets.key')
  await rm(path)
  await writeFile(path, Buffer.alloc(32, 1), { mode: 0o600 })
  const again = await restart()
  await t.rejects(again.setupCode.check(code ?? '', 'a'), { code: 'SETUP_CODE_WRONG' })
  const fresh = await again.ensureSetupCode()
  t.not(fresh, code)
  await t.resolves(again.setupCode.check(fresh ?? '', 'a'))
})

t.test('guesses are slowed down: a million years are not enough', async t => {
  const { access, clock } = await start(t)
  await access.ensureSetupCode()
  let tried = 0
  // A day, from ten thousand addresses.
  for (let second = 0; second < 2000; second++) {
    for (let guess = 0; guess < 3; guess++)
      await access.setupCode.check('BCDF-BCDF-BCDF-BCDF', `${second}-${guess}`).catch((thrown: { code: string }) => {
        if (thrown.code === 'SETUP_CODE_WRONG') tried += 1
      })
    clock.add(1000)
  }
  t.ok(tried <= 2000 + 30, `${tried} in 2000 s`)
})

t.test('one that was given at the deployment is taken as it was given, and shown nowhere', async t => {
  const { access, clock, restart } = await start(t)
  const own = (await access.ensureSetupCode()) ?? ''
  await access.setupCode.adopt(' Correct horse 7! ')
  t.equal(await access.ensureSetupCode(), undefined)
  const again = await restart()
  t.equal(await again.ensureSetupCode(), undefined)
  await t.resolves(again.setupCode.check('Correct horse 7!  ', 'a'))
  for (const typed of ['correct horse 7!', 'Correct horse 7', own, '=Correct horse 7!'])
    await t.rejects(
      again.setupCode.check(typed, 'b'),
      { code: 'SETUP_CODE_WRONG', message: /not the setup code/ },
      typed,
    )
  for (let time = 0; time < 20; time++)
    await t.rejects(
      again.setupCode.check('short', 'c'),
      { code: 'SETUP_CODE_WRONG', message: /12 to 64/ },
      'a slip costs nothing',
    )
  await t.resolves(again.setupCode.check('Correct horse 7!', 'c'))
  clock.add(600_000)
  await again.claim(administrator)
  await t.rejects(again.setupCode.check('Correct horse 7!', 'a'), { code: 'ALREADY_CLAIMED' })
})

t.test('a claimed appliance takes no code, and none that could be guessed or not be typed is taken', async t => {
  const { access, store } = await start(t)
  for (const code of ['', 'elevenchars', 'x'.repeat(65), 'twelve\nchars'])
    await t.rejects(access.setupCode.adopt(code), { code: 'SETUP_CODE_WRONG' }, code)
  await access.claim(administrator)
  await access.setupCode.adopt('Correct horse 7!')
  t.equal(await store.secrets.get('setup.code'), undefined)
})
