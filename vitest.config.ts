import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    include: [
      'tests/unit/**/*.test.ts',
      'tests/sim/**/*.test.ts',
      'tests/linearizability/*.test.ts',
      'tests/differential/*.test.ts',
      'tests/fuzz/*.test.ts',
    ],
    // A test that hangs must say so before a person wonders; simulations ask for more time by name.
    testTimeout: 10_000,
  },
})
