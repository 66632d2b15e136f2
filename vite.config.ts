import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { flotillaSignaling } from './signaling/vite-plugin.ts'

/** Cross-origin isolation gives the page SharedArrayBuffer, with which it holds the door no longer than needed. */
export const isolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** Builds the service worker, and gives it the list of the built files. In development there is none. */
function offline() {
  return VitePWA({
    strategies: 'injectManifest',
    srcDir: 'src/offline',
    filename: 'service-worker.ts',
    injectManifest: {
      globPatterns: ['**/*.{html,js,css,svg,png,webmanifest}'],
      // What is in them is in their names already.
      dontCacheBustURLsMatching: /^assets\//,
      rollupFormat: 'iife',
    },
    // The page registers it itself, and `public/` has the manifest.
    injectRegister: false,
    manifest: false,
  })
}

export default defineConfig({
  // Several pages, no fallback: a test page that does not exist must be a 404 and not the app.
  appType: 'mpa',
  plugins: [svelte({ configFile: false }), offline(), flotillaSignaling()],
  worker: { format: 'es' },
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
  optimizeDeps: {
    // Named here rather than discovered: Vite does not look inside workers, and a late discovery reloads the page.
    include: ['comlink', 'idb', 'simple-peer/simplepeer.min.js', 'sorted-btree', 'uqr'],
    noDiscovery: true,
  },
})
