// What the browser tests share: the lab, an appliance that listens and serves the page, and Debian's Chromium.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { pageRoutes } from '../../appliance/api/page.ts'
import type { Config } from '../../appliance/config.ts'
import type { LabConfig } from '../lab/lab.ts'
import { type Site, startSite } from '../site.ts'
import { launchBrowser, type OpenOptions, type TestBrowser } from './launch.ts'

const root = join(import.meta.dirname, '..', '..')
/** Ignored by git. */
export const screenshots = join(root, '.cache', 'screenshots')
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const administrator = { name: 'admin', password: 'seven quiet lanterns by the harbour' }
export const wide = { width: 1440, height: 900 }
export const narrow = { width: 360, height: 740 }

export interface Journey {
  site: Site
  /** https://127.0.0.1:PORT */
  address: string
  /** What the console shows. */
  setupCode: string
  /** A browser of its own: cookies and storage are nobody else's. */
  open(options?: Partial<OpenOptions>): Promise<Page>
  /** Makes the administrator by the API, without the wizard. */
  claim(): Promise<void>
  /** Signs in through the page. */
  signIn(page: Page, path?: string): Promise<void>
  stop(): Promise<void>
}

/** A site and a browser. What goes wrong in the page makes `stop` throw: no test looks away from it. */
export async function startJourney(
  config: LabConfig,
  changes: Partial<Config> = {},
  log?: Parameters<typeof startSite>[2],
): Promise<Journey> {
  mkdirSync(screenshots, { recursive: true })
  const site = await startSite(config, changes, log)
  let browser: TestBrowser | undefined
  try {
    const { api } = site.app
    if (!api.hasRoute({ method: 'GET', url: '/*' })) {
      await pageRoutes(api, { directory: join(root, 'webui', 'dist') })
    }
    const address = await api.listen({ host: '127.0.0.1', port: 0 })
    const setupCode = (await site.app.setupCode()) ?? ''
    const opened = await launchBrowser()
    browser = opened
    return {
      site,
      address,
      setupCode,
      open: ({ viewport = wide, theme = 'light' } = {}) => opened.open({ viewport, theme }),
      async claim() {
        const code = await call(address, 'POST', '/api/setup/code', { code: setupCode })
        await call(address, 'POST', '/api/setup/administrator', administrator, code)
        for (const step of ['licence', 'network', 'uploads', 'aws', 'vcenter', 'checks', 'register']) {
          const { status } = await site.call('PUT', `/api/setup/steps/${step}`, { done: true })
          if (status !== 200) throw new Error(`The step ${step} is answered with ${status}`)
        }
      },
      async signIn(page, path = '/') {
        await page.goto(address + path)
        await page.getByLabel('User name').fill(administrator.name)
        await page.getByLabel('Password').fill(administrator.password)
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('button', { name: 'Sign out' }).waitFor()
      },
      async stop() {
        await opened.close()
        await site.stop()
        if (opened.problems.length > 0) throw new Error(`In the page:\n${opened.problems.join('\n')}`)
      },
    }
    async function call(base: string, method: 'POST', path: string, body: object, before?: Called): Promise<Called> {
      const answer = await api.inject({
        method,
        url: path,
        payload: body,
        headers: {
          host: new URL(base).host,
          ...(before ? { cookie: before.cookie, 'x-hoist-csrf': before.csrf } : {}),
        },
      })
      if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${answer.body}`)
      return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '', csrf: answer.json().csrf }
    }
  } catch (error) {
    await browser?.close()
    await site.stop()
    throw error
  }
}

interface Called {
  cookie: string
  csrf: string
}

/** What axe finds, as sentences; by the rules of WCAG 2.2 AA and the best practices. */
export async function axeFindings(page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the page's policy takes none but its own.
  await page.evaluate(axeSource)
  return await page.evaluate(async () => {
    type Found = { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }
    const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: Found[] }> } }).axe
    const { violations } = await axe.run()
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(node => `${id}: ${help}: ${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`),
    )
  })
}

/** Pixels by which the page is wider than its window; 0 is right. */
export async function overhang(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const main = document.querySelector('main')
    const widest = Math.max(
      document.documentElement.scrollWidth - innerWidth,
      (main?.scrollWidth ?? 0) - (main?.clientWidth ?? 0),
    )
    return Math.max(0, widest)
  })
}

/** Until nothing is loading any more. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('h1') !== null && !document.body.innerText.includes('Loading…'),
  )
}

export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(screenshots, `${name}.png`), animations: 'disabled' })
}
