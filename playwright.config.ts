import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'tests/e2e',
  globalSetup: './tests/e2e/global-setup.ts',
  // One at a time: elections and leases run on real clocks, and a starved browser is not the failure we look for.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 60_000,
  // Below the limit that `npm test` sets for the step, so that a run which drags on still ends with a report.
  globalTimeout: 36 * 60_000,
  expect: { timeout: 10_000 },
  reporter: process.env.CI ? 'line' : 'list',
})
