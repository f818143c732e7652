// What could not be used, on disk.
import t from 'tap'
import { readFindings, writeFindings } from '../../appliance/machine/findings.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'

t.test('findings are read as they were written; none where there is no file of ours', async t => {
  const files = machineFiles(t.testdir())
  t.same(await readFindings(files), [])
  const findings = [{ about: 'dns', text: 'They are none.' }]
  await writeFindings(files, findings)
  t.same(await readFindings(files), findings)
  for (const text of ['', '{}', '[1]', '[{"about":1}]']) {
    await files.write('findings', text)
    t.same(await readFindings(files), [], text)
  }
})
