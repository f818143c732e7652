// A card alone in the window: before anybody is signed in.
import type { ComponentChildren } from 'preact'
import { t } from '../locale/en.ts'
import { Brand } from './brand.tsx'

export function Solo({ children }: { children: ComponentChildren }) {
  return (
    <main class="solo">
      <div class="card">
        <div class="brand">
          <Brand />
          {t.product}
        </div>
        {children}
      </div>
    </main>
  )
}
