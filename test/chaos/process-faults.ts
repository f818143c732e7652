// Faults of the appliance's own machine: its process, disk and clock.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ground } from './ground.ts'
import { drainLimitMs } from './site.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** kill -9, and sometimes again while it recovers. */
export async function kill({ site, random, release }: Ground): Promise<void> {
  await site.kill()
  await release()
  await sleep(random.integer(0, 800))
  await site.start()
  if (!random.chance(0.3)) return
  await sleep(random.integer(0, 1000))
  await site.kill()
  await site.start()
}

export async function terminate({ site, random, release, problem }: Ground): Promise<void> {
  const letGo = sleep(random.integer(0, 500)).then(release)
  const tookMs = await site.terminate()
  await letGo
  if (tookMs > drainLimitMs) problem(`SIGTERM: drained in ${(tookMs / 1000).toFixed(1)} s`)
  await sleep(random.integer(0, 500))
  await site.start()
}

export async function dataDiskFull({ site, random }: Ground): Promise<void> {
  if (site.disk === undefined) throw new Error('The data directory is on no file system of its own')
  await site.disk.fill()
  site.tell('data disk full')
  await sleep(random.integer(500, 4000))
  await site.disk.empty()
  site.tell('data disk has room')
}

/** A few minutes mostly, which AWS tolerates; some hours otherwise, which it does not, until the clock is set right. */
export async function clockJump({ site, random }: Ground): Promise<void> {
  const direction = random.chance(0.5) ? 1 : -1
  if (random.chance(0.7)) {
    const shiftMs = direction * random.integer(minuteMs, 5 * minuteMs)
    await site.setClock(shiftMs)
    site.tell(`clock shifted by ${shiftMs / 1000} s, for good`)
    return
  }
  const shiftMs = direction * random.integer(hourMs, 6 * hourMs)
  await site.setClock(shiftMs)
  site.tell(`clock shifted by ${(shiftMs / hourMs).toFixed(1)} h`)
  await sleep(random.integer(500, 4000))
  await site.setClock(0)
  site.tell('clock set right')
}
