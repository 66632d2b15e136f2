import type { BrowserContext, Page } from '@playwright/test'

/** A page with the public API and no app, at `pageUrl('data')`. */
export async function openDataPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => 'api' in window)
  return page
}
