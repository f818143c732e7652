// How the page is built: into webui/dist, hashed names, nothing inline, for the strict content security policy.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

/** Each asset beside itself, compressed: the server sends what the browser takes, and works on nothing. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    // As written: what other plugins do to the code is done by then.
    async writeBundle({ dir = '' }, bundle) {
      const names = Object.keys(bundle).filter(name => /\.(js|css)$/.test(name))
      for (const path of names.map(name => join(dir, name))) {
        const content = await readFile(path)
        const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
        await writeFile(`${path}.br`, brotliCompressSync(content, brotli))
        await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }))
      }
    },
  }
}

export default defineConfig({
  root: import.meta.dirname,
  // Preact's JSX, without a plugin.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [compressed()],
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
