import type { Page } from '@playwright/test'
import { expect, test } from './fixtures.ts'

/** Every state of the page, photographed (into the test's output folder) and checked for what a machine can check. */
const devices = {
  'a phone': { width: 390, height: 844, narrowest: 360 },
  'a desktop': { width: 1440, height: 900, narrowest: 1024 },
} as const

for (const [device, { narrowest, ...size }] of Object.entries(devices)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`every state fits and is legible on ${device}, ${colorScheme}`, async ({ page, pageUrl }, info) => {
      const errors: string[] = []
      page.on('pageerror', error => errors.push(error.message))
      // Without motion things are where they come to rest.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.goto(pageUrl('ui-states'))
      const states = await page.getByRole('link').allTextContents()
      expect(states.length).toBeGreaterThan(20)
      for (const state of states) {
        await page.setViewportSize(size)
        await page.evaluate(state => window.showState?.(state), state)
        await page.locator('body[data-shown]').waitFor()
        await page.screenshot({ path: info.outputPath(`${state}.png`), animations: 'disabled' })
        await page.setViewportSize({ ...size, width: narrowest })
        expect.soft(await sidewaysOverflow(page), `${state}: wider than the window`).toBe(0)
        expect.soft(await faintTexts(page), `${state}: text below 4.5:1`).toEqual([])
      }
      expect(errors).toEqual([])
    })
  }
}

function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
}

/** Texts whose contrast with what is painted behind them is below WCAG AA's 4.5:1. Disabled controls are exempt there. */
function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Rgba = readonly [number, number, number, number]
    const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
    if (!context) throw new Error('no canvas')
    const read = (color: string): Rgba => {
      context.clearRect(0, 0, 1, 1)
      context.fillStyle = color
      context.fillRect(0, 0, 1, 1)
      const [r = 0, g = 0, b = 0, a = 0] = context.getImageData(0, 0, 1, 1).data
      return [r, g, b, a / 255]
    }
    const over = (top: Rgba, under: Rgba): Rgba => {
      const mix = (index: 0 | 1 | 2) => top[index] * top[3] + under[index] * (1 - top[3])
      return [mix(0), mix(1), mix(2), 1]
    }
    const ground = (element: Element | null): Rgba => {
      if (!element) return read(getComputedStyle(document.body).backgroundColor)
      const own = read(getComputedStyle(element).backgroundColor)
      return own[3] === 1 ? own : over(own, ground(element.parentElement))
    }
    const luminance = ([r, g, b]: Rgba) => {
      const linear = (value: number) => (value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4)
      return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }
    const faint: string[] = []
    for (const element of document.querySelectorAll('#app *')) {
      const text = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE && node.textContent?.trim())
      if (text.length === 0 || element.closest(':disabled, .unseen, [inert]') || !element.checkVisibility()) continue
      const behind = ground(element)
      const [a, b] = [luminance(over(read(getComputedStyle(element).color), behind)), luminance(behind)]
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      if (contrast < 4.5) faint.push(`${element.textContent?.trim().slice(0, 40)} (${contrast.toFixed(1)}:1)`)
    }
    return faint
  })
}
