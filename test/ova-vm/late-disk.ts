// A machine that is switched on without its data disk: the screen says so, and the disk that is attached then brings it up.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onScreen } from './at-console.ts'
import { givenProperties } from './boot-steps.ts'
import { deployedDisks, type Unpacked } from './disks.ts'
import { bootMs, httpsAnswer } from './first-answer.ts'
import { propertiesIso } from './ovf-environment.ts'
import { Vm } from './vm.ts'

const shutDownMs = 120_000

export async function lateDataDisk(unpacked: Unpacked): Promise<string> {
  const directory = join(unpacked.directory, 'late')
  await mkdir(directory)
  const { iso } = await propertiesIso(directory, givenProperties)
  const [system = '', data = ''] = await deployedDisks(unpacked, 'late')
  await using vm = await Vm.start({ firmware: 'bios', devices: 'vmware', disks: [system], iso, address: '10.0.2.77' })
  const shown = await onScreen(vm, 'the missing disk', text => /There is no data disk\./.test(text), bootMs)
  // Its lines are broken where the screen ends.
  const words = shown.replace(/\s+/g, ' ')
  for (const wanted of ['has not started as it should', 'is the system disk', 'Add an empty disk of 64 GiB'])
    if (!words.includes(wanted)) throw new Error(`the screen does not say "${wanted}":\n${shown}`)
  const seenSeconds = vm.seconds
  await vm.attachDisk(data)
  const attachedAtMs = performance.now()
  // At the address of the deployment, which the network was not told at its own start.
  await httpsAnswer(vm)
  const seconds = (performance.now() - attachedAtMs) / 1000
  await onScreen(vm, 'the address', text => text.includes('https://10.0.2.77/') && !/no data disk/.test(text))
  await vm.shutDown(shutDownMs)
  return `the screen names the missing disk after ${seenSeconds.toFixed(0)} s; ${seconds.toFixed(0)} s after it is attached, HTTPS answers at the address of the deployment`
}
