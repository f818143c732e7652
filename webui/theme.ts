// Light, dark, or as the system has it; remembered in this browser.
import { createStore } from './store.ts'

export type Theme = 'system' | 'light' | 'dark'

export const themes: readonly Theme[] = ['system', 'light', 'dark']
const key = 'hoist-theme'

export const theme = createStore<Theme>('system')

/** Applies what was chosen here before. */
export function startTheme(): void {
  const kept = localStorage.getItem(key)
  chooseTheme(themes.find(one => one === kept) ?? 'system')
}

export function chooseTheme(chosen: Theme): void {
  theme.set(chosen)
  if (chosen === 'system') {
    delete document.documentElement.dataset.theme
    localStorage.removeItem(key)
  } else {
    document.documentElement.dataset.theme = chosen
    localStorage.setItem(key, chosen)
  }
}
