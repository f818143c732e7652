// The console: the first screen, and what is chosen from it, until the terminal is gone.
import { Acts } from './acts.ts'
import {
  changeNetwork,
  changeProxy,
  changeTime,
  type Flow,
  resetPassword,
  switchSsh,
  switchUpdates,
} from './change-flows.ts'
import { Dialog, LeftAlone } from './dialog.ts'
import { type Facts, FactsReader } from './facts.ts'
import { type HomeItem, homeFrame, homeItems, homeMove, patienceMs } from './home.ts'
import type { ConsoleParts } from './parts.ts'
import { factoryReset, restart, showCertificate, showLog } from './show-flows.ts'
import type { Terminal } from './terminal.ts'

const flows: Readonly<Record<HomeItem, (flow: Flow) => Promise<void>>> = {
  network: changeNetwork,
  proxy: changeProxy,
  time: changeTime,
  password: resetPassword,
  certificate: showCertificate,
  ssh: switchSsh,
  updates: switchUpdates,
  log: showLog,
  restart,
  reset: factoryReset,
}

/** Between two looks at the appliance while somebody may sit before the screen, and otherwise. Milliseconds. */
const watchedMs = 5_000
const unwatchedMs = 30_000
/** Whoever presses no key for so long has read the screen, or is not there. Milliseconds. */
const attentionMs = 2 * 60_000
/** While it is being read, which takes a moment. Milliseconds. */
const readingMs = 500
/** The kernel may have written over the screen: now and then it is sent whole. Milliseconds. */
const repaintMs = 60_000
const defaultIdleMs = 5 * 60_000

/** Rejects when the terminal is gone. */
export async function runConsole(terminal: Terminal, parts: ConsoleParts, idleMs = defaultIdleMs): Promise<never> {
  const ui = new Dialog({ terminal, nowMs: parts.nowMs, idleMs })
  const acts = new Acts(parts)
  const reader = new FactsReader(parts)
  let facts: Facts | undefined
  for (;;) {
    try {
      const item = await choose(ui, acts, reader, parts, facts, read => {
        facts = read
      })
      await enter(item, { ui, parts, acts })
    } catch (thrown) {
      // Whoever comes next begins at the first screen.
      if (!(thrown instanceof LeftAlone)) throw thrown
    }
  }
}

async function choose(
  ui: Dialog,
  acts: Acts,
  reader: FactsReader,
  { version, nowMs }: ConsoleParts,
  known: Facts | undefined,
  keep: (facts: Facts) => void,
): Promise<HomeItem> {
  let facts = known
  let at = 0
  let reading = false
  let readMs = Number.NEGATIVE_INFINITY
  let paintedMs = nowMs()
  for (;;) {
    const everyMs = ui.untouchedMs < attentionMs || isStarting(facts) ? watchedMs : unwatchedMs
    if (!reading && nowMs() >= readMs + everyMs) {
      reading = true
      void reader.read().then(read => {
        facts = read
        keep(read)
        readMs = nowMs()
        reading = false
        if (read.service.kind === 'answers') void acts.deliver()
      })
    }
    if (nowMs() - paintedMs >= repaintMs) {
      ui.terminal.repaint()
      paintedMs = nowMs()
    }
    ui.terminal.show(homeFrame(version, facts, at, ui.terminal.size))
    // Nothing else changes this screen: every awakening costs, and on a slow machine it costs the service.
    const nextMs = reading ? nowMs() + readingMs : readMs + everyMs
    const key = await ui.key(Math.min(nextMs, paintedMs + repaintMs) - nowMs())
    if (key?.name === 'enter') return homeItems[at]?.value ?? 'network'
    const chosen = key?.name === 'character' && homeItems.find(item => item.key === key.character)
    if (chosen) return chosen.value
    if (key) at = homeMove(at, key.name)
  }
}

/** Somebody waits for it: it is looked at as often as if they pressed keys. */
function isStarting(facts: Facts | undefined): boolean {
  return facts?.service.kind === 'silent' && facts.service.forMs < patienceMs
}

async function enter(item: HomeItem, flow: Flow): Promise<void> {
  try {
    await flows[item](flow)
  } catch (thrown) {
    if (thrown instanceof LeftAlone) throw thrown
    const title = homeItems.find(({ value }) => value === item)?.label ?? ''
    await flow.ui.fail(title, thrown)
  }
}
