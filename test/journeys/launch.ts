// Debian's Chromium, started for tests.
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { commandPath, ensureTools } from '../lab/tools.ts'

export interface OpenOptions {
  viewport: { width: number; height: number }
  theme: 'light' | 'dark'
}

export interface TestBrowser {
  /** A browser of its own: cookies and storage are nobody else's. */
  open(options: OpenOptions): Promise<Page>
  /** What went wrong in any page so far. */
  readonly problems: readonly string[]
  close(): Promise<void>
}

export async function launchBrowser(): Promise<TestBrowser> {
  await ensureTools(['browser'])
  const executablePath = commandPath('chromium') ?? ''
  // As root, and in containers, Chromium's own sandbox cannot be set up; the pages are ours alone.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  const contexts: BrowserContext[] = []
  const problems: string[] = []
  return {
    problems,
    async open({ viewport, theme }) {
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        viewport,
        colorScheme: theme,
        reducedMotion: 'reduce',
        timezoneId: 'Europe/Berlin',
        locale: 'en-GB',
      })
      contexts.push(context)
      const page = await context.newPage()
      page.setDefaultTimeout(60_000) // beside other tests everything takes its time
      page.on('pageerror', error => problems.push(`${page.url()}: ${error.stack ?? error.message}`))
      page.on('console', message => {
        // Refusals by the API are told as errors of the network: the page says them itself.
        if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text()))
          problems.push(`${page.url()}: ${message.text()}`)
      })
      return page
    },
    async close() {
      await Promise.all(contexts.map(context => context.close()))
      await browser.close()
    },
  }
}
