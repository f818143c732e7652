// The key of the secrets and the TPM: sealed, opened at each boot, and never lost on the way.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSealedKey } from '../../appliance/machine/sealed-key.ts'
import { serviceUser } from '../../appliance/machine/service-user.ts'
import { labPrograms, labRoot, labTpm } from './boot-lab.ts'

const signal = new AbortController().signal
const firstBoot = new Date('2026-11-21T12:00:00Z')

async function machine(t: Test) {
  const root = labRoot(t.testdir())
  const user = await serviceUser(root)
  const dataDir = join(root, 'var/lib/hoist')
  const ran: string[] = []
  const said: string[] = []
  let boots = 0
  const boot = async (special: ReturnType<typeof labTpm> | undefined) => {
    const programs = labPrograms([], special)
    const opened = await openSealedKey(
      {
        run: programs.run,
        tpm: special !== undefined,
        dataDir,
        runDir: join(root, 'run'),
        user,
        now: new Date(firstBoot.getTime() + 60_000 * boots++),
        say: text => said.push(text),
      },
      signal,
    )
    ran.push(...programs.ran)
    return opened
  }
  const keys = () => readFileSync(join(root, 'run/secrets.key'))
  const key = () => keys().subarray(0, 32)
  return {
    root,
    dataDir,
    boot,
    key,
    keys,
    ran,
    said,
    plain: join(dataDir, 'secrets.key'),
    names: () => readdirSync(dataDir).sort(),
  }
}

const failing = () => {
  throw new Error('no TPM')
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
  t.equal(lab.keys().length, 32)
  t.same(lab.names(), ['secrets.key.sealed'])
  t.equal(lstatSync(join(lab.root, 'run/secrets.key')).mode & 0o777, 0o400)
  t.match(lab.ran[0], /^systemd-creds encrypt --with-key=tpm2 --tpm2-pcrs=23 --name=secrets.key /)
  await lab.boot(labTpm('a'))
  t.ok(lab.key().equals(key))
  t.notOk(existsSync(join(lab.root, 'run/sealing')))
})

t.test(
  'a plain key is sealed and goes once it is proven; it wins, and what was sealed before stays readable',
  async t => {
    const lab = await machine(t)
    await lab.boot(labTpm('a'))
    const before = lab.key()
    const plain = Buffer.alloc(32, 7)
    writeFileSync(lab.plain, plain, { mode: 0o600 })
    t.same((await lab.boot(labTpm('a'))).findings, [])
    const aside = 'secrets.key.sealed.foreign-20261121T120100000Z'
    t.same(lab.names(), ['secrets.key.sealed', aside])
    for (let again = 0; again < 2; again++) {
      t.ok(lab.keys().equals(Buffer.concat([plain, before])), 'the one in use, then the former')
      await lab.boot(labTpm('a'))
    }
    t.same(lab.names(), ['secrets.key.sealed', aside])
  },
)

t.test('a power cut between sealing a plain key and removing it leaves nothing aside', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const key = lab.key()
  writeFileSync(lab.plain, key, { mode: 0o600 })
  await lab.boot(labTpm('a'))
  t.same(lab.names(), ['secrets.key.sealed'])
  t.ok(lab.keys().equals(key))
})

t.test('a TPM that does not seal, or does not give back what it sealed, leaves the plain key', async t => {
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

t.test('what another TPM has sealed is kept aside, and there is a new key', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const [key, sealed] = [lab.key(), readFileSync(join(lab.dataDir, 'secrets.key.sealed'))]
  const { findings } = await lab.boot(labTpm('b'))
  t.match(findings, [{ about: 'secrets', text: /by another TPM\. Bring that back and restart, or enter/ }])
  t.notOk(lab.key().equals(key))
  t.same(lab.said, ['integrity check failed'], 'why')
  const aside = 'secrets.key.sealed.foreign-20261121T120100000Z'
  t.same(lab.names(), ['secrets.key.sealed', aside])
  t.ok(readFileSync(join(lab.dataDir, aside)).equals(sealed))
  t.same((await lab.boot(labTpm('b'))).findings, [], 'once')
  t.same(lab.said, ['integrity check failed'], 'once')
})

t.test('when the TPM is back its key is back, and what the other one has sealed is kept for it', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const ofA = lab.key()
  await lab.boot(labTpm('b'))
  const ofB = lab.key()
  t.match(await lab.boot(labTpm('a')), { findings: [{ about: 'secrets', text: /is back/ }] })
  t.ok(lab.keys().equals(ofA))
  t.same(lab.names(), ['secrets.key.sealed', 'secrets.key.sealed.foreign-20261121T120200000Z'])
  t.same((await lab.boot(labTpm('a'))).findings, [])
  t.ok(lab.keys().equals(ofA))
  await lab.boot(labTpm('b'))
  t.ok(lab.keys().equals(ofB))
})

t.test('a TPM that is missing, or fails, for one boot costs nothing afterwards', async t => {
  for (const special of [undefined, failing]) {
    const lab = await machine(t)
    await lab.boot(labTpm('a'))
    const sealed = lab.key()
    const { path, findings } = await lab.boot(special)
    t.equal(path, undefined)
    t.match(findings[0], {
      about: 'secrets',
      text: special ? /does not open .* seals none/ : /by a TPM, which is missing/,
    })
    // As the service does without a given key.
    const made = Buffer.alloc(32, 5)
    writeFileSync(lab.plain, made, { mode: 0o600 })
    t.same((await lab.boot(labTpm('a'))).findings, [])
    t.ok(lab.keys().equals(Buffer.concat([made, sealed])), 'the service reads both')
    t.notOk(existsSync(lab.plain))
  }
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

t.test('directories in the place of sealed keys make way', async t => {
  const lab = await machine(t)
  await lab.boot(labTpm('a'))
  const key = lab.key()
  const former = 'secrets.key.sealed.foreign-20200101T000000000Z'
  renameSync(join(lab.dataDir, 'secrets.key.sealed'), join(lab.dataDir, former))
  mkdirSync(join(lab.dataDir, 'secrets.key.sealed/full'), { recursive: true })
  await lab.boot(labTpm('a'))
  t.ok(lab.key().equals(key), 'a former one takes the place')
  mkdirSync(join(lab.dataDir, 'secrets.key.sealed.foreign-20261121T120200000Z/full'), { recursive: true })
  await lab.boot(labTpm('b'))
  t.notOk(lab.key().equals(key), 'a name that was foreseen does not stop it')
  await lab.boot(labTpm('a'))
  t.ok(lab.key().equals(key))
})

t.test('where the data disk takes no file, the machine starts, and says that the key is not sealed', async t => {
  const lab = await machine(t)
  const tpm = labTpm('a')
  const opened = await lab.boot((words, args) => {
    const answer = tpm(words, args)
    if (words.includes(' decrypt ')) rmSync(lab.dataDir, { recursive: true, force: true })
    return answer
  })
  t.match(opened, { path: undefined, findings: [{ about: 'secrets', text: /does not seal/ }] })
})
