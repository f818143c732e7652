// The options of the commands that prove or measure: what is wrong with them is said above the usage, with exit status 2.
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** As `parseArgs`; an option that is none, or lacks its value, ends the process. */
export function readOptions<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'))) throw error
    process.stderr.write(`${error.message}\n\n${usage}`)
    process.exit(2)
  }
}
