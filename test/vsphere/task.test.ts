// Waiting for tasks.

import t from 'tap'
import { pauses, returnedReference, waitForTask } from '../../appliance/vsphere/task.ts'
import { reference } from '../../appliance/vsphere/vim.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

t.test('pauses between looks grow to a second and no further', t => {
  const seen: number[] = []
  for (const pauseMs of pauses()) {
    seen.push(pauseMs)
    if (seen.length === 20) break
  }
  t.same(seen.slice(0, 3), [50, 75, 112.5])
  t.equal(seen.at(-1), 1000)
  const own = pauses({ firstMs: 20, longestMs: 40 })
  t.same(
    Array.from({ length: 4 }, () => own.next().value),
    [20, 30, 40, 40],
  )
  t.end()
})

t.test(
  'a task that fails is told by its fault, one that does not end by the abort, one that vCenter forgot by name',
  async t => {
    const vcenter = await startVcenterLab(t, { vms: [{ name: 'web01', disks: [{ sizeBytes: mebibyte }] }] })
    const session = await vcenter.connect()
    const { moref } = await serverNamed(session, 'web01')
    const args = {
      _this: reference('VirtualMachine', moref),
      name: 's',
      description: '',
      memory: false,
      quiesce: false,
    }
    const doing = 'Creating a snapshot of web01'
    const never = new AbortController().signal
    const start = async () => returnedReference(await session.call('CreateSnapshot_Task', args), 'Task')

    await vcenter.fault({ kind: 'task', method: 'CreateSnapshot_Task', fault: 'FileLocked' })
    await t.rejects(waitForTask(session, await start(), { doing, signal: never }), {
      code: 'VCENTER_FAULT',
      fault: 'FileLocked',
      message: /^Creating a snapshot of web01 failed: FileLocked: \S/,
    })
    await t.rejects(waitForTask(session, reference('Task', 'task-0'), { doing, signal: never }), {
      code: 'VCENTER_SESSION_LOST',
      message: /no longer knows the task/,
    })
    const task = await start()
    await vcenter.fault({ kind: 'hold', method: 'RetrievePropertiesEx' })
    await t.rejects(waitForTask(session, task, { doing, signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
    await vcenter.clearFaults()
    await t.resolves(waitForTask(session, task, { doing, signal: never }))
  },
)

t.test('a vCenter that is away for a moment does not lose the task', async t => {
  const vcenter = await startVcenterLab(t, { vms: [{ name: 'web01', disks: [{ sizeBytes: mebibyte }] }] })
  const session = await vcenter.connect({ timeoutMs: 150 })
  const { moref } = await serverNamed(session, 'web01')
  const args = { _this: reference('VirtualMachine', moref), name: 's', description: '', memory: false, quiesce: false }
  const task = returnedReference(await session.call('CreateSnapshot_Task', args), 'Task')
  const id = await vcenter.fault({ kind: 'hold', method: 'RetrievePropertiesEx', times: -1 })
  const waiting = waitForTask(session, task, { doing: 'Creating a snapshot', signal: AbortSignal.timeout(30_000) })
  while (session.soap.retries === 0) await vcenter.receivedMethods()
  await vcenter.lab.vcenterControl('DELETE', `/faults/${id}`)
  t.match(await waiting, { text: /^snapshot-\d+/ })
})
