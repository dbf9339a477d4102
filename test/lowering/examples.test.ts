/**
 * The examples compute in C, on each machine, what they compute in Node.js, where they run unmodified: the small ones on
 * drawn arguments, the DNS server on packets and the firewall on rules and packets.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../analyzers/interpreter/values.ts';
import { type FunctionIr, isObjectVariable } from '../../analyzers/ir.ts';
import type { ArrayType } from '../../analyzers/types.ts';
import { LONGEST_FRAME } from '../../examples/dns/respond.ts';
import { compiledZone, LONGEST_ZONE } from '../../examples/dns/zone.ts';
import { parseRules } from '../../examples/firewall/parse.ts';
import { lowerToC } from '../../lowering/c/lower.ts';
import { calledFunctions, reachableFrom } from '../../lowering/reachable.ts';
import { guestMac } from '../e2e/host/frames.ts';
import { framesOf } from '../examples/dns/packets.ts';
import { frames, rulesOf, textOf } from '../examples/firewall/reference.ts';
import { isLong as long } from '../support/long.ts';
import { type Call, drawCalls, runLowered, writeUnit } from '../support/lowered.ts';
import { allBuilds } from '../support/lowered-builds.ts';
import type { Given } from '../support/lowered-driver.ts';
import { nativeValue, wordsOfNative } from '../support/native.ts';
import { projectRoot } from '../support/paths.ts';
import { programOfFiles } from '../support/verified-host.ts';

const PACKETS = long ? 500 : 20;

const small = readdirSync(join(projectRoot, 'examples/contracts')).map((name) => `examples/contracts/${name}`);
const whole = programOfFiles(['examples/dns/main.ts', 'examples/firewall/main.ts', ...small, 'base/arithmetic.ts']);

const functionIn = (file: string, name: string): FunctionIr =>
  whole.functions.find(({ key }) => key === `${file}#${name}`)!;

/** Whether neither a function nor one that it calls is somebody else's, or of a class. */
function standsAlone(fn: FunctionIr, seen = new Set<string>()): boolean {
  if (fn.body === undefined || fn.parameters.some((one) => isObjectVariable(one) && one.type.class)) return false;
  seen.add(fn.key);
  return [...calledFunctions(fn)].every(
    (key) => seen.has(key) || standsAlone(whole.functions.find((one) => one.key === key)!, seen),
  );
}

const roots = whole.functions.filter((fn) => fn.exported && standsAlone(fn));
const program = reachableFrom(whole, new Set(roots.map(({ key }) => key)));

/** Arguments of arrays and numbers, as values. */
const valuesFor = ({ parameters }: FunctionIr, given: readonly (Iterable<number> | number)[]): Value[] =>
  given.map((one, i): Value => {
    if (typeof one === 'number') return BigInt(one);
    return { kind: 'array', type: parameters[i].type as ArrayType, elements: [...one].map(BigInt) };
  });

const exportsOf = async ({ span }: FunctionIr) =>
  (await import(join(projectRoot, span.file))) as Readonly<Record<string, (...args: unknown[]) => unknown>>;

/** A call with what Node.js makes of it: the words of the result, then of what arrays and objects hold. */
async function inNode({ function: subject, args }: Given): Promise<Call> {
  const { parameters, name, result } = subject;
  const natives = args.map((arg, i) => nativeValue(arg, parameters[i].type));
  const value = (await exportsOf(subject))[name](...natives);
  const held = parameters.flatMap(({ type }, i) =>
    type.kind === 'array' || type.kind === 'object' ? wordsOfNative(natives[i], type) : [],
  );
  return { function: subject, args, expected: [...wordsOfNative(value, result), ...held] };
}

/** The DNS server's answers to packets. */
function packetCalls(): Given[] {
  const respond = functionIn('examples/dns/respond.ts', 'respond');
  const zone = new Uint8Array(LONGEST_ZONE);
  const zoneEnd = compiledZone(zone);
  return framesOf(31, PACKETS).map((frame) => {
    const memory = new Uint8Array(LONGEST_FRAME).fill(0xa5);
    memory.set(frame);
    const given = [new Uint8Array(LONGEST_FRAME), memory, frame.length, guestMac, 0x0a00020f, zone, zoneEnd];
    return { function: respond, args: valuesFor(respond, given) };
  });
}

/** The firewall's rules, read from texts, and what they say of packets. */
function filterCalls(): Given[] {
  const [read, pass] = [
    functionIn('examples/firewall/parse.ts', 'parseRules'),
    functionIn('examples/firewall/frame.ts', 'mayPass'),
  ];
  const cases = fc.sample(fc.tuple(rulesOf, frames, fc.nat(1)), { seed: 32, numRuns: PACKETS });
  return cases.flatMap(([rules, frame, direction]): Given[] => {
    const text = Buffer.from(textOf(rules));
    const words = new Uint32Array(256);
    const count = parseRules(words, text, text.length)!;
    return [
      { function: read, args: valuesFor(read, [new Uint32Array(256), text, text.length]) },
      { function: pass, args: valuesFor(pass, [frame, frame.length, direction, words, count]) },
    ];
  });
}

describe('the examples mean in C what they mean in Node.js:', async () => {
  const drawn = drawCalls(whole, 15, roots);
  const calls = await Promise.all([...drawn, ...packetCalls(), ...filterCalls()].map(inNode));
  const folder = writeUnit({ program, lowered: lowerToC(program, 'examples'), name: 'examples' }, calls);
  const shown = (lines: readonly (readonly string[])[]): string[] =>
    calls.map(({ function: { key } }, i) => `${key}: ${lines[i]?.join(' ')}`);

  it('there are calls of most of their functions, and answers and none', () => {
    expect(new Set(calls.map((one) => one.function)).size).toBeGreaterThan(30);
    const results = calls.filter((one) => one.function.name === 'respond').map(({ expected }) => expected[0] === '0');
    expect(new Set(results).size).toBe(2);
  });

  it.each(allBuilds())('%s', async (_, build) => {
    expect(shown(await runLowered(folder, { name: 'examples' }, build))).toEqual(
      shown(calls.map(({ expected }) => expected)),
    );
  });
});
