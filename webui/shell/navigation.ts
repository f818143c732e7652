// What the navigation leads to.
import type { Role } from '../contract.ts'
import type { t } from '../locale/en.ts'
import type { IconName } from '../ui/icon.tsx'

export interface NavigationEntry {
  path: string
  name: keyof typeof t.nav
  icon: IconName
  /** Whoever has less does not see it. */
  role: Role
  /** A line stands above it. */
  apart?: true
}

export const navigation: readonly NavigationEntry[] = [
  { path: '/', name: 'dashboard', icon: 'home', role: 'support' },
  { path: '/servers', name: 'servers', icon: 'server', role: 'support' },
  { path: '/jobs', name: 'jobs', icon: 'job', role: 'support' },
  { path: '/runs', name: 'runs', icon: 'run', role: 'support' },
  { path: '/images', name: 'images', icon: 'image', role: 'support' },
  { path: '/connectors', name: 'connectors', icon: 'plug', role: 'support', apart: true },
  { path: '/settings', name: 'settings', icon: 'gear', role: 'support' },
  { path: '/audit', name: 'audit', icon: 'list', role: 'administrator' },
  { path: '/support', name: 'support', icon: 'help', role: 'support' },
]

/** Whether a path belongs to an entry. */
export function isIn(entry: string, path: string): boolean {
  return entry === '/' ? path === '/' : path === entry || path.startsWith(`${entry}/`)
}
