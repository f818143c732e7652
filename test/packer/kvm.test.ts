// When KVM is used.
import { join } from 'node:path'
import t from 'tap'
import { kvmWorks } from '../../packer/kvm.ts'

t.test('a device alone proves nothing, nor does a processor without a device', async t => {
  const directory = t.testdir({
    intel: 'flags : fpu vmx sse',
    amd: 'flags : fpu svm',
    none: 'flags : fpu vmxnet',
    kvm: '',
  })
  const at = (name: string) => join(directory, name)
  t.equal(await kvmWorks(at('intel'), at('kvm')), true)
  t.equal(await kvmWorks(at('amd'), at('kvm')), true)
  t.equal(await kvmWorks(at('none'), at('kvm')), false)
  t.equal(await kvmWorks(at('intel'), at('gone')), false)
})
