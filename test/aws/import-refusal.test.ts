import t from 'tap'
import { importRefused, refusedStart } from '../../appliance/aws/import-refusal.ts'
import { ApplianceError } from '../../appliance/errors.ts'

t.test('every text of AWS that is known keeps its words and gets a hint of its own', async t => {
  const texts = [
    'ClientError: Unsupported kernel version 6.99.0-test',
    'ClientError: No valid partitions. Not a valid volume.',
    'ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]',
    'FirstBootFailure: This import request failed because the instance failed to boot and establish network connectivity.',
    'ClientError: Unsupported OVA format',
    'ClientError: BLS grub configuration without a default kernel',
    'ClientError: fstab could not be read',
    'ClientError: initramfs could not be read',
  ]
  const seen = new Set<string>()
  for (const text of texts) {
    const error = importRefused('web01, Hard disk 1', text)
    t.equal(error.code, 'IMPORT_REFUSED')
    t.ok(error.message.includes(text) && error.message.includes('web01, Hard disk 1'))
    seen.add(error.hint)
  }
  t.equal(seen.size, texts.length)
  t.match(importRefused('web01', texts[2]).hint, /cannot read the bucket/)
})

t.test('an unknown text, and none, still say where to look', async t => {
  t.match(importRefused('web01', 'ServerError: something new').hint, /troubleshooting/)
  t.match(importRefused('web01', undefined).message, /no reason was given/)
})

t.test('a call that is refused for its role says so, any other stays what it is', async t => {
  const named = (name: string, message: string) => Object.assign(new Error(message), { name })
  const role = named(
    'InvalidParameter',
    'The service role vmimport provided does not exist or does not have sufficient permissions',
  )
  t.match(refusedStart(role, 'vmimport'), { code: 'IMPORT_ROLE_MISSING', message: /vmimport/ })
  const other = new ApplianceError('AWS_REQUEST_REFUSED', 'x', {
    cause: named('InvalidParameter', 'bad format'),
    hint: 'y',
  })
  t.equal(refusedStart(other, 'vmimport'), other)
})
