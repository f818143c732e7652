// Which servers are selected: kept from the list to the wizard, and back.
import { createStore } from '../store.ts'

export const chosenServers = createStore<ReadonlySet<string>>(new Set())
