/**
 * What the packet filter of examples/firewall is to do, apart from it: rules as a person says them, their text, and
 * whether a frame may pass. And frames and rules that are generated, few enough of each kind to meet one another.
 */
import fc from 'fast-check';
import * as net from '../../e2e/host/frames.ts';

export interface Rule {
  readonly action: 'allow' | 'deny';
  readonly direction: 'in' | 'out' | 'any';
  readonly protocol: number | 'any';
  /** An address and how many of its bits count. */
  readonly source: readonly [string, number];
  readonly destination: readonly [string, number];
  readonly ports: readonly [number, number] | 'any';
}

const protocolNames: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };
const networkText = ([address, bits]: Rule['source']): string =>
  bits === 0 ? 'any' : bits === 32 ? address : `${address}/${bits}`;

export function textOf(rules: readonly Rule[]): string {
  return rules
    .map(({ action, direction, protocol, source, destination, ports }) => {
      const range = ports === 'any' ? 'any' : ports[0] === ports[1] ? `${ports[0]}` : ports.join('-');
      const kind = protocol === 'any' ? 'any' : (protocolNames[protocol] ?? `${protocol}`);
      return [action, direction, kind, networkText(source), networkText(destination), range].join(' ');
    })
    .join('; ');
}

const bitsOf = (address: Buffer): string => [...address].map((byte) => byte.toString(2).padStart(8, '0')).join('');
const isIn = (address: Buffer, [network, bits]: Rule['source']): boolean =>
  bitsOf(address).slice(0, bits) === bitsOf(net.ipBytes(network)).slice(0, bits);

/** Whether a frame in this direction may pass. */
export function passes(rules: readonly Rule[], frame: Buffer, direction: 'in' | 'out'): boolean {
  const type = frame.length >= 14 ? frame.readUInt16BE(12) : 0;
  if (type === 0x0806) return frame.length >= 42 && frame.subarray(14, 20).toString('hex') === '000108000604';
  if (type !== 0x0800 || frame.length < 34 || frame[14] !== 0x45) return false;
  const header = frame.subarray(14, 34);
  const total = header.readUInt16BE(2);
  if (total < 20 || total > frame.length - 14 || (header.readUInt16BE(6) & 0x3fff) !== 0) return false;
  if (net.checksum(header) !== 0) return false;
  const protocol = header[9]!;
  const hasPort = protocol === 6 || protocol === 17;
  if (hasPort && total < 24) return false;
  const port = hasPort ? frame.readUInt16BE(36) : undefined;
  const rule = rules.find(
    (one) =>
      (one.direction === 'any' || one.direction === direction) &&
      (one.protocol === 'any' || one.protocol === protocol) &&
      isIn(header.subarray(12, 16), one.source) &&
      isIn(header.subarray(16, 20), one.destination) &&
      (one.ports === 'any' || (port !== undefined && one.ports[0] <= port && port <= one.ports[1])),
  );
  return rule?.action === 'allow';
}

const addresses = ['10.0.0.5', '10.0.1.9', '192.0.2.1', '203.0.113.77'] as const;
const networks = fc.constantFrom<Rule['source']>(
  ['0.0.0.0', 0],
  ['10.0.0.0', 8],
  ['10.0.1.0', 24],
  ['192.0.2.0', 25],
  ['128.0.0.0', 1],
  ['203.0.113.76', 31],
  ['10.0.0.5', 32],
);
const port = fc.constantFrom(0, 53, 80, 443, 8080, 65535);
const protocol = fc.constantFrom(1, 6, 17, 47);

export const rulesOf: fc.Arbitrary<readonly Rule[]> = fc.array(
  fc.record({
    action: fc.constantFrom('allow', 'deny'),
    direction: fc.constantFrom('in', 'out', 'any'),
    protocol: fc.oneof(protocol, fc.constant('any' as const)),
    source: networks,
    destination: networks,
    ports: fc.oneof(
      fc.constant('any' as const),
      fc.tuple(port, port).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
    ),
  }),
  { maxLength: 6 },
);

/** Frames of which some are whole and some are not. */
export const frames: fc.Arbitrary<Buffer> = fc
  .record({
    protocol,
    from: fc.constantFrom(...addresses),
    to: fc.constantFrom(...addresses),
    payload: fc
      .tuple(port, port, fc.uint8Array({ maxLength: 8 }))
      .map(([a, b, rest]) => Buffer.concat([Buffer.from([a >> 8, a & 255, b >> 8, b & 255]), rest])),
    cut: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(12) }),
    fragment: fc.oneof({ weight: 8, arbitrary: fc.constant(0x4000) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
    damage: fc.oneof(
      { weight: 8, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.tuple(fc.nat(40), fc.nat(255)) },
    ),
    kind: fc.oneof({ weight: 9, arbitrary: fc.constant('ip') }, { weight: 1, arbitrary: fc.constant('arp') }),
  })
  .map(({ protocol: number, from, to, payload, cut, fragment, damage, kind }) => {
    const data = payload.subarray(0, Math.max(0, payload.length - cut));
    const frame = kind === 'arp' ? net.arp(1, from, to) : net.ip(number, data, { from, to, fragment });
    if (damage !== undefined) frame[damage[0] % frame.length] = damage[1];
    return frame;
  });
