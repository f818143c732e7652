import t from 'tap'
import { compareThumbprint } from '../../../webui/setup/thumbprint.ts'

const pairs = (count: number) =>
  Array.from({ length: count }, (_, at) => (at * 7).toString(16).padStart(2, '0')).join(':')
const certificate = { thumbprintSha256: pairs(32).toUpperCase(), thumbprintSha1: pairs(20).toUpperCase() }

t.test('a thumbprint is the same however it is written', async t => {
  for (const known of Object.values(certificate))
    for (const entered of [
      known,
      known.toLowerCase(),
      known.replaceAll(':', ''),
      ` ${known.replaceAll(':', ' ')}\n`,
      `SHA256 Fingerprint=${known}`,
      `sha-1: ${known}`,
    ])
      t.equal(compareThumbprint(entered, certificate), 'same', entered)
})

t.test('one digit makes it different; less than a whole one says nothing yet', async t => {
  const { thumbprintSha256: known } = certificate
  t.equal(compareThumbprint(known.replace(/.$/, '0'), certificate), 'different')
  t.equal(compareThumbprint(certificate.thumbprintSha1.replace(/^./, 'F'), certificate), 'different')
  t.equal(compareThumbprint(known.slice(3), certificate), 'incomplete')
  t.equal(compareThumbprint('hello', certificate), 'incomplete')
  t.equal(compareThumbprint('  ', certificate), undefined)
})
