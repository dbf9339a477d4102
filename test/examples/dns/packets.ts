/**
 * Frames for the DNS server, right and wrong: questions for names of the zone and others, in every spelling, with EDNS
 * and without, and what becomes of one when bytes are changed, cut off or added, checksums mended so that the damage
 * gets as deep as it can.
 */
import fc from 'fast-check';
import * as net from '../../e2e/host/frames.ts';
import { types, wireName, zone } from './zone.ts';

const u16 = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));

/** Some letters the other way: those whose place is a bit of the number. */
const inOtherCase = (label: Buffer, coins: number): Buffer =>
  Buffer.from(
    label.map((byte, at) => {
      const isLetter = (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
      return isLetter && ((coins >> (at % 31)) & 1) === 1 ? byte ^ 32 : byte;
    }),
  );

const someLabel = fc.uint8Array({ minLength: 1, maxLength: 63 }).map((bytes) => Buffer.from(bytes));
const known = fc.constantFrom(...zone.map(({ owner }) => owner));
const names = fc
  .oneof(
    { weight: 5, arbitrary: known },
    { weight: 2, arbitrary: fc.tuple(known, someLabel).map(([owner, label]) => [label, ...owner]) },
    { weight: 2, arbitrary: fc.tuple(known, fc.nat(3)).map(([owner, n]) => owner.slice(n)) },
    { weight: 1, arbitrary: fc.array(someLabel, { maxLength: 5 }) },
  )
  .chain((labels) => fc.nat().map((coins) => labels.map((label) => inOtherCase(label, coins))));

const type = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Object.values(types)) },
  { weight: 1, arbitrary: fc.nat(0xffff) },
);
const mostly = (usual: number, max = 0xffff) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.nat(max) });

const opt = fc
  .tuple(fc.constantFrom(0, 400, 512, 600, 1232, 4096, 65535), mostly(0, 255), fc.uint8Array({ maxLength: 12 }))
  .map(([room, version, data]) =>
    Buffer.concat([Buffer.from([0]), u16(41, room), Buffer.from([0, version, 128, 0]), u16(data.length), data]),
  );
const other = fc
  .tuple(fc.constantFrom('00', 'c00c', '016100', '0161c00c', '40', 'bf'), fc.uint8Array({ maxLength: 9 }))
  .map(([name, data]) => Buffer.concat([Buffer.from(name, 'hex'), u16(1, 1, 0, 5, data.length), data]));
const additional = fc.oneof(
  { weight: 4, arbitrary: fc.constant([] as Buffer[]) },
  { weight: 4, arbitrary: opt.map((one) => [one]) },
  { weight: 1, arbitrary: fc.array(fc.oneof(opt, other), { maxLength: 3 }) },
);

/** A message that may well be a query. */
export const queries: fc.Arbitrary<Buffer> = fc
  .record({
    id: fc.nat(0xffff),
    flags: mostly(0x0100),
    counts: fc.tuple(mostly(1), mostly(0), mostly(0)),
    name: names,
    type,
    ofClass: mostly(1),
    additional,
    wrongCount: mostly(0, 3),
  })
  .map(({ id, flags, counts, name, type: asked, ofClass, additional: more, wrongCount }) =>
    Buffer.concat([
      u16(id, flags, ...counts, (more.length + wrongCount) & 0xffff),
      ...[wireName(name), u16(asked, ofClass), ...more],
    ]),
  );

/** Damage to some bytes, as a function of them. */
const damage: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc.oneof(
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }).map((changes) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    for (const [at, value] of changes) if (changed.length > 0) changed[at % changed.length] = value;
    return changed;
  }),
  fc.nat().map((size) => (bytes: Buffer) => bytes.subarray(0, size % (bytes.length + 1))),
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => (bytes: Buffer) => Buffer.concat([bytes, more])),
);

const messages = fc.oneof(
  { weight: 3, arbitrary: queries },
  { weight: 3, arbitrary: fc.tuple(queries, damage).map(([query, hurt]) => hurt(query)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)) },
);

/** A frame with a message in it, whole but for what the message is. */
const datagrams = fc
  .tuple(messages, mostly(53), fc.integer({ min: 0, max: 0xffff }), fc.constantFrom('10.0.2.2', '192.0.2.7'))
  .map(([message, to, from, source]) => net.udp(from, to, message.subarray(0, 1400), { from: source }));

const arps = fc
  .tuple(
    fc.constantFrom<1 | 2>(1, 2),
    fc.constantFrom('10.0.2.2', '10.0.2.15', '0.0.0.0'),
    fc.constantFrom('10.0.2.15', '10.0.2.16'),
  )
  .map(([operation, from, to]) => net.arp(operation, from, to));

/** Mends the header's checksum, and takes away that of UDP. */
function mended(frame: Buffer): Buffer {
  const whole = Buffer.from(frame);
  if (whole.length < 42) return whole;
  const size = (whole[14]! & 15) * 4;
  if (size < 20 || whole.length < 14 + size + 8) return whole;
  whole.writeUInt16BE(0, 24);
  whole.writeUInt16BE(net.checksum(whole.subarray(14, 14 + size)), 24);
  whole.writeUInt16BE(0, 14 + size + 6);
  return whole;
}

/** A frame of at most 1514 bytes, of which most are malformed somewhere. */
export const frames: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 6, arbitrary: datagrams },
    { weight: 3, arbitrary: fc.tuple(datagrams, damage).map(([frame, hurt]) => mended(hurt(frame))) },
    { weight: 1, arbitrary: fc.tuple(datagrams, damage).map(([frame, hurt]) => hurt(frame)) },
    { weight: 1, arbitrary: arps },
    { weight: 1, arbitrary: fc.tuple(arps, damage).map(([frame, hurt]) => hurt(frame)) },
  )
  .map((frame) => frame.subarray(0, 1514))
  .filter((frame) => frame.length > 0);

/** As many of them as wanted, the same for the same seed. */
export const framesOf = (seed: number, count: number): Buffer[] => fc.sample(frames, { seed, numRuns: count });
