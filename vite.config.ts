import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'
import { SIGNALING_PATH } from './src/net/signaling-protocol.ts'

/** Cross-origin isolation gives the page SharedArrayBuffer, with which it holds the door no longer than needed. */
export const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export default defineConfig({
  // Several pages, no fallback: a test page that does not exist must be a 404 and not the app.
  appType: 'mpa',
  plugins: [svelte({ configFile: false })],
  worker: { format: 'es' },
  server: {
    headers: isolationHeaders,
    // In development the signaling server runs beside Vite: `npx tsx signaling/main.ts --no-app`.
    proxy: { [SIGNALING_PATH]: { target: 'ws://localhost:8080', ws: true } },
  },
  preview: { headers: isolationHeaders },
  optimizeDeps: {
    // Named here rather than discovered: Vite does not look inside workers, and a late discovery reloads the page.
    include: ['comlink', 'idb', 'simple-peer/simplepeer.min.js', 'sorted-btree', 'uqr'],
    noDiscovery: true,
  },
})
