// The key of the secrets and the TPM: sealed, opened at each boot, and never lost on the way.
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSealedKey } from '../../appliance/machine/sealed-key.ts'
import { serviceUser } from '../../appliance/machine/service-user.ts'
import { labPrograms, labRoot, labTpm } from './boot-lab.ts'

const signal = new AbortController().signal
const now = new Date('2026-11-21T12:00:00Z')

async function machine(t: Test) {
  const root = labRoot(t.testdir())
  const user = await serviceUser(root)
  const dataDir = join(root, 'var/lib/hoist')
  const ran: string[] = []
  const said: string[] = []
  const boot = async (special: ReturnType<typeof labTpm> | undefined) => {
    const programs = labPrograms([], special)
    const opened = await openSealedKey(
      {
        run: programs.run,
        tpm: special !== undefined,
        dataDir,
        runDir: join(root, 'run'),
        user,
        now,
        say: text => said.push(text),
      },
      signal,
    )
    ran.push(...programs.ran)
    return opened
  }
  const key = () => readFileSync(join(root, 'run/secrets.key'))
  return {
    root,
    dataDir,
    boot,
    key,
    ran,
    said,
    plain: join(dataDir, 'secrets.key'),
    names: () => readdirSync(dataDir).sort(),
  }
}

t.test('without a TPM the service keeps its key by itself', async t => {
  const lab = await machine(t)
  t.same(await lab.boot(undefined), { findings: [] })
  t.same(lab.names(), [])
})

t.test('a new machine makes a key, seals it, and opens the same one at each boot', async t => {
  const lab = await machine(t)
  t.same(await lab.boot(labTpm('a')), { path: join(lab.root, 'run/secrets.key'), findings: [] })
  const key = lab.key()
  t.equal(key.length, 32)
  t.same(lab.names(), ['secrets.key.sealed'])
  t.equal(lstatSync(join(lab.root, 'run/secrets.key')).mode & 0o777, 0o400)
  t.match(lab.ran[0], /^systemd-creds encrypt --with-key=tpm2 --tpm2-pcrs= --name=secrets.key /)
  await lab.boot(labTpm('a'))
  t.ok(lab.key().equals(key))
  t.notOk(existsSync(join(lab.root, 'run/sealing')))
})

t.test('a plain key is sealed and goes once it is proven; it wins over what was sealed before', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const restored = Buffer.alloc(32, 7)
  writeFileSync(lab.plain, restored, { mode: 0o600 })
  await lab.boot(labTpm('a'))
  t.same(lab.names(), ['secrets.key.sealed'])
  await lab.boot(labTpm('a'))
  t.ok(lab.key().equals(restored))
})

t.test('a TPM that does not seal, or does not give back what it sealed, leaves the plain key', async t => {
  const failing = () => {
    throw new Error('no TPM')
  }
  const lying: ReturnType<typeof labTpm> = (words, args) => {
    if (words.startsWith('systemd-creds')) writeFileSync(args.at(-1) ?? '', Buffer.alloc(32, 1))
    return ''
  }
  for (const special of [failing, lying]) {
    const lab = await machine(t)
    writeFileSync(lab.plain, Buffer.alloc(32, 7), { mode: 0o600 })
    t.match(await lab.boot(special), { path: undefined, findings: [{ about: 'secrets', text: /plain file/ }] })
    t.same(lab.names(), ['secrets.key'])
  }
})

t.test('what another machine has sealed is kept aside, and there is a new key', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const [key, sealed] = [lab.key(), readFileSync(join(lab.dataDir, 'secrets.key.sealed'))]
  const { findings } = await lab.boot(labTpm('b'))
  t.match(findings, [{ about: 'secrets', text: /entered again/ }])
  t.notOk(lab.key().equals(key))
  t.same(lab.said, ['integrity check failed'], 'why')
  const aside = 'secrets.key.sealed.foreign-20261121T120000000Z'
  t.same(lab.names(), ['secrets.key.sealed', aside])
  t.ok(readFileSync(join(lab.dataDir, aside)).equals(sealed))
  t.same((await lab.boot(labTpm('b'))).findings, [], 'once')
})

t.test('a key of another size, or a link, is left where it is and not sealed', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const key = lab.key()
  writeFileSync(lab.plain, 'short')
  await lab.boot(labTpm('a'))
  t.ok(lab.key().equals(key))
  t.equal(readFileSync(lab.plain, 'utf8'), 'short')
  const other = await machine(t)
  writeFileSync(join(other.root, 'foreign'), Buffer.alloc(32, 9))
  symlinkSync(join(other.root, 'foreign'), other.plain)
  await other.boot(labTpm('a'))
  t.notOk(other.key().equals(Buffer.alloc(32, 9)))
})
