// The console without a machine: a terminal that plays keys and keeps what it was shown, and parts that note what is asked of them.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Acts } from '../../appliance/console/acts.ts'
import type { Flow } from '../../appliance/console/change-flows.ts'
import { Dialog, LeftAlone } from '../../appliance/console/dialog.ts'
import { type Frame, Painter, type Size, smallest, textOf, widthOf } from '../../appliance/console/frame.ts'
import type { Key, KeyName } from '../../appliance/console/keys.ts'
import type { ConsoleParts } from '../../appliance/console/parts.ts'
import type { Terminal } from '../../appliance/console/terminal.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { type MachineState, readMachineState } from '../../appliance/machine/machine-state.ts'
import type { Verb } from '../../appliance/machine/verbs.ts'
import { ScreenModel } from './screen-model.ts'

const names: readonly KeyName[] = [
  'up',
  'down',
  'left',
  'right',
  'home',
  'end',
  'pageUp',
  'pageDown',
  'delete',
  'enter',
  'escape',
  'backspace',
  'tab',
  'backTab',
  'clear',
  'redraw',
]

/** `{enter}` and the like are keys, everything else is typed. */
export function keysOf(script: string): Key[] {
  return (script.match(/\{\w+\}|[\s\S]/g) ?? []).map(token => {
    const name = names.find(one => token === `{${one}}`)
    return name ? { name } : { name: 'character', character: token }
  })
}

export class PlayedTerminal implements Terminal {
  readonly size: Size
  readonly screen: ScreenModel
  /** Every screen, as text. */
  readonly screens: string[] = []
  /** Lines that were longer than the screen. */
  readonly cutLines: string[] = []
  sent = ''
  nowMs = 0
  #keys: Key[] = []
  readonly #painter = new Painter()

  constructor(size: Size = smallest) {
    this.size = size
    this.screen = new ScreenModel(size.columns, size.rows)
  }

  play(script: string): void {
    this.#keys.push(...keysOf(script))
  }

  /** No key is left: time passes. */
  async nextKey(waitMs: number): Promise<Key | undefined> {
    // What is being read of real files meanwhile has its turn: time that only passes here would overtake it.
    await new Promise(resolve => setTimeout(resolve, 5))
    const key = this.#keys.shift()
    if (!key) this.nowMs += waitMs
    return key
  }

  /** Whoever plays keys has thought of when they are asked for. */
  dropKeys(): void {
    this.screens.push('keys dropped')
  }

  show(frame: Frame): void {
    for (const line of frame.lines) if (textOf(line).length > widthOf(this.size)) this.cutLines.push(textOf(line))
    this.screen.write(this.#painter.paint(frame, this.size))
    if (this.screens.at(-1) !== this.screen.text) this.screens.push(this.screen.text)
  }

  repaint(): void {
    this.#painter.forget()
  }

  async send(text: string): Promise<void> {
    this.sent += text
  }
}

export interface ConsoleLab extends Flow {
  terminal: PlayedTerminal
  verbs: Verb[]
  asked: { method: string; path: string; body?: unknown }[]
  said: string[]
  /** By `METHOD path`; absent: nobody answers. */
  answers: Map<string, { status: number; body?: unknown }>
  passwords: string[][]
  /** Plays the keys; says whether the flow came to its end, or was left alone when they were used up. */
  play(flow: (lab: Flow) => Promise<void>, script: string): Promise<'ended' | 'left alone'>
}

export async function consoleLab(
  directory: string,
  changes: { state?: Partial<MachineState>; fail?: Error; size?: Size; bundle?: Buffer } = {},
): Promise<ConsoleLab> {
  mkdirSync(join(directory, 'data', 'logs'), { recursive: true })
  const terminal = new PlayedTerminal(changes.size)
  const state = { ...(await readMachineState(machineFiles(join(directory, 'root')))), ...changes.state }
  const verbs: Verb[] = []
  const asked: ConsoleLab['asked'] = []
  const said: string[] = []
  const passwords: string[][] = []
  const answers: ConsoleLab['answers'] = new Map([['POST /api/local/console', { status: 204 }]])
  const parts: ConsoleParts = {
    version: '1.2.3',
    root: join(directory, 'root'),
    dataDir: join(directory, 'data'),
    port: 443,
    machine: {
      async ask(verb) {
        verbs.push(verb)
        if (changes.fail) throw changes.fail
        return {}
      },
      state: async () => state,
    },
    async api(method, path, { body }) {
      const answer = answers.get(`${method} ${path}`)
      if (!answer) throw new Error('nobody answers')
      asked.push({ method, path, ...(body ? { body } : {}) })
      return { status: answer.status, body: answer.body }
    },
    open: async path => {
      asked.push({ method: 'GET', path })
      if (!changes.bundle) throw new Error('nobody answers')
      return { status: 200, content: Readable.from([changes.bundle.subarray(0, 1000), changes.bundle.subarray(1000)]) }
    },
    async run(file, args) {
      said.push(`${file} ${args.join(' ')}`)
      return ''
    },
    logFiles: () => [join(directory, 'data', 'logs', 'hoist-000001.log')],
    async resetPassword(name, password) {
      passwords.push([name, password])
      return `The password of ${name} is changed.`
    },
    say: text => said.push(text),
    nowMs: () => terminal.nowMs,
  }
  const ui = new Dialog({ terminal, nowMs: parts.nowMs, idleMs: 300_000 })
  const acts = new Acts(parts)
  return {
    ...{ ui, parts, acts, terminal, verbs, asked, said, answers, passwords },
    async play(flow, script) {
      terminal.play(script)
      try {
        await flow({ ui, parts, acts })
        return 'ended'
      } catch (thrown) {
        if (thrown instanceof LeftAlone) return 'left alone'
        throw thrown
      }
    },
  }
}
