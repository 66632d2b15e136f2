import { defineConfig } from 'vite'

/** Builds what of `signaling/` runs without this repository: the command, the Vite plugin, and tickets for an application's server. */
export default defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    outDir: 'dist-signaling',
    emptyOutDir: true,
    target: 'node20',
    rolldownOptions: {
      input: {
        'flotilla-signaling': 'signaling/main.ts',
        'vite-plugin': 'signaling/vite-plugin.ts',
        ticket: 'signaling/ticket.ts',
      },
    },
  },
})
