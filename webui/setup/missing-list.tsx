// Privileges or permissions that an account lacks, one by one.
import { State } from '../ui/state.tsx'

export function MissingList({ title, names, hint }: { title: string; names: readonly string[]; hint: string }) {
  return (
    <div class="problem warning">
      <State kind="warning" word={title} />
      <ul>
        {names.map(name => (
          <li key={name}>
            <code>{name}</code>
          </li>
        ))}
      </ul>
      <div>{hint}</div>
    </div>
  )
}
