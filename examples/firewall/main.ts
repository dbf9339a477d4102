/**
 * A packet filter as a unikernel, all of it verified: it stands between the network devices `inside` and `outside`, and
 * lets pass from one to the other, unchanged, what its rules allow. The rules are the boot parameters (parse.ts); without
 * one nothing but ARP passes.
 */
import { bytes, type u8, type u32 } from 'casemate';
import { bootArguments, consoleWrite, exit, netAcquire, netRead, netWrite, yieldUntil } from 'casemate/platform';
import { LONGEST_FRAME, mayPass } from './frame.ts';
import { parseRules } from './parse.ts';
import { IN, MOST_RULES, OUT, WORDS } from './rules.ts';

const INSIDE = bytes('inside');
const OUTSIDE = bytes('outside');
const READY = bytes('firewall: ready\n');
const NO_DEVICE = bytes('firewall: the network devices inside and outside, of 1500 bytes, are missing\n');
const BAD_RULES = bytes('firewall: the rules are not understood\n');

const NEVER = 0xffffffffffffffffn;
const FAILURE = 1;

/**
 * Says why it does not start.
 * @requires text.length <= 80
 */
function fail(text: Readonly<Uint8Array>): void {
  consoleWrite(text, text.length);
  exit(FAILURE);
}

/**
 * Passes on what waits at one device and may go to the other.
 * @requires frame.length === LONGEST_FRAME && count <= MOST_RULES && WORDS * count <= rules.length
 * @modifies frame
 */
function forward(from: u8, to: u8, direction: u8, frame: Uint8Array, rules: Readonly<Uint32Array>, count: u32): void {
  // As many as may come before the other side has its turn.
  for (let i = 0; i < 64; i++) {
    const length = netRead(from, frame);
    if (length === 0) return;
    const passes = mayPass(frame, length, direction, rules, count);
    if (passes) netWrite(to, frame, length);
  }
}

/**
 * The rules of the boot parameters: how many; undefined if they are not understood, or longer than can be.
 * @requires rules.length === 256
 * @modifies rules
 * @ensures result === undefined || result <= MOST_RULES
 */
function configuredRules(rules: Uint32Array): u32 | undefined {
  const text = new Uint8Array(2048);
  const length = bootArguments(text);
  if (length === undefined) return undefined;
  const count = parseRules(rules, text, length);
  return count;
}

/** @diverges */
export function main(): void {
  const mac = new Uint8Array(6);
  const frame = new Uint8Array(LONGEST_FRAME);
  const rules = new Uint32Array(WORDS * MOST_RULES);
  const count = configuredRules(rules);
  if (count === undefined) {
    fail(BAD_RULES);
    return;
  }
  const inside = netAcquire(INSIDE, mac);
  const outside = netAcquire(OUTSIDE, mac);
  if (inside === undefined || outside === undefined || inside.mtu !== 1500 || outside.mtu !== 1500) {
    fail(NO_DEVICE);
    return;
  }
  consoleWrite(READY, READY.length);
  while (true) {
    yieldUntil(NEVER);
    forward(inside.handle, outside.handle, OUT, frame, rules, count);
    forward(outside.handle, inside.handle, IN, frame, rules, count);
  }
}
