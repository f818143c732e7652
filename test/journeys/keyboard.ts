// Using the page by keyboard alone.
import type { Page } from 'playwright-core'

/** More stops than any page of the wizard has. */
const mostStops = 80

/** What a screen reader would call the element that has the focus. */
export async function focusedName(page: Page): Promise<string> {
  return await page.evaluate(() => {
    const element = document.activeElement
    if (!(element instanceof HTMLElement)) return ''
    const labels = 'labels' in element ? (element as HTMLInputElement).labels : null
    return (element.ariaLabel ?? labels?.[0]?.innerText ?? element.innerText ?? '').trim()
  })
}

/** Presses Tab until something of this name has the focus. @throws when nothing has after a whole round */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = []
  for (let stop = 0; stop < mostStops; stop++) {
    await page.keyboard.press('Tab')
    const found = await focusedName(page)
    if (name.test(found)) return
    passed.push(found.slice(0, 30))
  }
  throw new Error(`Tab never came to ${name}, but to ${passed.join(' | ')}`)
}

/** Goes to a field and writes over what it holds. */
export async function typeInto(page: Page, name: RegExp, text: string): Promise<void> {
  await tabTo(page, name)
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

/** Goes to a button, a link or a box, and presses it. */
export async function press(page: Page, name: RegExp, key: 'Enter' | 'Space' = 'Enter'): Promise<void> {
  await tabTo(page, name)
  await page.keyboard.press(key)
}
