#!/usr/bin/env node
/** `npx cxlpod`. Not the bundle itself: npm links a program when packages are installed, which is before the first build. */
import { existsSync } from 'node:fs';

const bundle = new URL('../dist/cxlpod.mjs', import.meta.url);
if (existsSync(bundle)) await import(bundle.href);
else {
  process.stderr.write('error: cxlpod is not built yet\n  because: controller/dist/cxlpod.mjs is missing\n  try: make build\n');
  process.exitCode = 3;
}
