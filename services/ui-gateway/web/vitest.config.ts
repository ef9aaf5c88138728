import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Models that the page watches are written in runes.
  plugins: [svelte()],
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
