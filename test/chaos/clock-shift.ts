// Loaded into the appliance by `node --import` in trials with clock jumps: its Date is ahead of the machine's by what a file says.
import { readFileSync } from 'node:fs'

const lookMs = 20
const MachineDate = Date
let shiftMs = 0

function look(): void {
  shiftMs = Number(readFileSync(process.env.CHAOS_CLOCK_FILE as string, 'utf8'))
}

class ShiftedDate extends MachineDate {
  constructor(...parts: [] | [string | number | Date]) {
    if (parts.length === 0) super(MachineDate.now() + shiftMs)
    else super(...parts)
  }

  static override now(): number {
    return MachineDate.now() + shiftMs
  }
}

globalThis.Date = ShiftedDate as DateConstructor
look()
setInterval(look, lookMs).unref()
