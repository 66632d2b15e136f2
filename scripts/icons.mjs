/** `node scripts/icons.mjs`: draws `public/icon.svg` in the sizes and shapes in which systems ask for it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { requireBrowser } from './browsers.mjs'
import { root } from './setup.mjs'

/** A maskable icon is cut to any shape within its middle 80 %, so the mark is small on a ground that has no corners. */
const icons = [
  { name: 'icon-192.png', size: 192, scale: 1 },
  { name: 'icon-512.png', size: 512, scale: 1 },
  { name: 'icon-maskable-512.png', size: 512, scale: 0.72 },
  { name: 'icon-touch-180.png', size: 180, scale: 0.84 },
]
const ground = '#102b3b'

const { path } = await requireBrowser('chromium')
const browser = await chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
const page = await browser.newPage()
const svg = await readFile(join(root, 'public', 'icon.svg'), 'utf8')
for (const { name, size, scale } of icons) {
  await page.setViewportSize({ width: size, height: size })
  const background = scale === 1 ? 'transparent' : ground
  await page.setContent(
    `<body style="margin: 0; display: grid; place-items: center; height: 100vh; background: ${background}">` +
      `<div style="width: ${size * scale}px; height: ${size * scale}px">${svg}</div>`,
  )
  await page.screenshot({ path: join(root, 'public', name), omitBackground: true })
  console.log(`public/${name}`)
}
await browser.close()
