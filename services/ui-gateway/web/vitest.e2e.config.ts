import { defineConfig } from 'vitest/config'

// Browser tests against a platform of their own; see e2e/platform.ts.
export default defineConfig({
  test: {
    environment: 'node',
    include: ['e2e/**/*.test.ts'],
    fileParallelism: false,
    // Steps build on each other: after the first failure the rest says nothing.
    bail: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
