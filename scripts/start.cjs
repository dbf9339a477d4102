#!/usr/bin/env node
/**
 * Starts a command (NAME.js, a copy of this file) from its bundle (NAME.bundle.js) with V8's code cache (NAME.cache), which
 * saves parsing and compiling it anew: for a small link or a slide that is most of the time. The cache is a by-product of
 * the build (it belongs to one version of Node.js and is ignored by any other); CASEMATE_WRITE_CODE_CACHE, set by the
 * build alone, makes it after a real run. A slide has a bundle to
 * itself, and what needs the TypeScript compiler shares one.
 */
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const { Script } = require('node:vm');

const command = basename(__filename, '.js');
const bundles = { slide: 'casemate-slide', prove: 'casemate-prove', build: 'casemate-prove', verify: 'casemate-prove' };
// A slide out of a bundle of evidence checks a signature first, and is not the one that every launch waits for.
const isOfBundle = process.argv[2] === 'slide' && process.argv.some((word) => /^--bundle(=|$)/.test(word));
const isOwn = command === 'casemate' && Object.hasOwn(bundles, process.argv[2]) && !isOfBundle;
const name = isOwn ? bundles[process.argv[2]] : command;
const bundle = join(__dirname, `${name}.bundle.js`);
const cache = join(__dirname, `${name}.cache`);
const target = process.env.CASEMATE_WRITE_CODE_CACHE;

function cachedCode() {
  if (target) return undefined;
  try {
    return readFileSync(cache);
  } catch {
    return undefined; // Without a cache it only starts more slowly.
  }
}

// The bundle is ASCII, all else in it is escaped, and one function of these arguments: made so here, it would be copied.
const script = new Script(readFileSync(bundle, 'latin1'), { filename: bundle, cachedData: cachedCode() });
// Made when the run is over and all its code has been compiled.
if (target) process.on('exit', () => writeFileSync(target, script.createCachedData()));
script.runInThisContext()(require, module, exports, bundle, __dirname);
