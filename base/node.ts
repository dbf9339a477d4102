/**
 * Parts of Node.js that few runs need. Loading them takes milliseconds, of which a small link has few to give, so they
 * are loaded when they are first used.
 */
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** See node:crypto. */
export const createHash: typeof import('node:crypto').createHash = (...args) =>
  (load('node:crypto') as typeof import('node:crypto')).createHash(...args);

/** See node:crypto. */
export const createHmac: typeof import('node:crypto').createHmac = (...args) =>
  (load('node:crypto') as typeof import('node:crypto')).createHmac(...args);

/** See node:crypto. */
export const timingSafeEqual: typeof import('node:crypto').timingSafeEqual = (...args) =>
  (load('node:crypto') as typeof import('node:crypto')).timingSafeEqual(...args);

/** See node:zlib. */
export const inflateSync: typeof import('node:zlib').inflateSync = (...args) =>
  (load('node:zlib') as typeof import('node:zlib')).inflateSync(...args);

/** See node:crypto. */
export const createPrivateKey: typeof import('node:crypto').createPrivateKey = (key) =>
  (load('node:crypto') as typeof import('node:crypto')).createPrivateKey(key);

/** See node:crypto. */
export const createPublicKey: typeof import('node:crypto').createPublicKey = (key) =>
  (load('node:crypto') as typeof import('node:crypto')).createPublicKey(key);

/** See node:crypto; the form without a callback. */
export const signBytes = (
  algorithm: string | null,
  bytes: Uint8Array,
  key: import('node:crypto').KeyObject,
): Uint8Array => (load('node:crypto') as typeof import('node:crypto')).sign(algorithm, bytes, key);

/** See node:crypto; the form without a callback. */
export const verifyBytes = (
  algorithm: string | null,
  bytes: Uint8Array,
  key: import('node:crypto').KeyObject,
  signature: Uint8Array,
): boolean => (load('node:crypto') as typeof import('node:crypto')).verify(algorithm, bytes, key, signature);
