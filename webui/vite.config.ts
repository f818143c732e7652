// How the page is built: into webui/dist, hashed names, nothing inline, for the strict content security policy.
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  // Preact's JSX, without a plugin.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // light-dark() and the native dialog need no replacement there.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // An asset as data: URL would need a hole in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    license: false,
  },
})
