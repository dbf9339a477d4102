#!/usr/bin/env node
/**
 * Starts casemate-ld from its bundle with V8's code cache, which saves parsing and compiling it anew: for a small link
 * that is most of the time. The cache is a by-product of the build (it belongs to one version of Node.js and is
 * ignored by any other); CASEMATE_LD_WRITE_CODE_CACHE, set by the build alone, makes it after a real link.
 */
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const bundle = join(__dirname, 'casemate-ld.bundle.js');
const cache = join(__dirname, 'casemate-ld.cache');
const target = process.env.CASEMATE_LD_WRITE_CODE_CACHE;

function cachedCode() {
  if (target) return undefined;
  try {
    return readFileSync(cache);
  } catch {
    return undefined; // Without a cache it only starts more slowly.
  }
}

const source = `(function (require, module, exports, __filename, __dirname) {${readFileSync(bundle, 'utf8')}\n})`;
const script = new Script(source, { filename: bundle, cachedData: cachedCode() });
// Made when the link is over and all its code has been compiled.
if (target) process.on('exit', () => writeFileSync(target, script.createCachedData()));
script.runInThisContext()(require, module, exports, bundle, __dirname);
