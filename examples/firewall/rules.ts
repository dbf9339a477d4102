/**
 * Rules of a packet filter, and what they say of a packet: the first one that matches decides, and where none does the
 * packet is dropped.
 *
 * Rules lie in words of 32 bits, so that they can come from outside (parse.ts): a table of the program's would be
 * constant.
 */
import { forall, invariant, type u8, type u16, type u32 } from 'casemate';

/** Directions, as bits: to the inside, to the outside. */
export const IN = 1;
export const OUT = 2;

/** A protocol that every packet has. */
export const ANY_PROTOCOL = 256;
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;

/** Ends of a range of ports, in one word, that every packet is in, also one without ports. */
export const ANY_PORT = 0xffff0000;

/** Words of a rule, and how many rules there may be. */
export const WORDS = 8;
export const MOST_RULES = 32;

export interface Rule {
  readonly allows: boolean;
  /** Bits of the directions that it is for. */
  readonly directions: u32;
  readonly protocol: u32;
  /** Of the source the bits of the mask must be these. */
  readonly source: u32;
  readonly sourceMask: u32;
  readonly destination: u32;
  readonly destinationMask: u32;
  /** Ports of the destination, both ends among them; a first one beyond the last: whatever port, or none. */
  readonly firstPort: u32;
  readonly lastPort: u32;
}

export interface Packet {
  /** False: it is none that could be forwarded, and the rest means nothing. */
  readonly valid: boolean;
  readonly direction: u8;
  readonly protocol: u8;
  readonly source: u32;
  readonly destination: u32;
  /** Of TCP and UDP. */
  readonly hasPort: boolean;
  readonly port: u16;
}

/**
 * The rule number `i`.
 * @pure
 * @requires 0 <= i && WORDS * i + WORDS <= rules.length
 */
export function ruleAt(rules: Readonly<Uint32Array>, i: number): Rule {
  return {
    allows: rules[WORDS * i] === 1,
    directions: rules[WORDS * i + 1],
    protocol: rules[WORDS * i + 2],
    source: rules[WORDS * i + 3],
    sourceMask: rules[WORDS * i + 4],
    destination: rules[WORDS * i + 5],
    destinationMask: rules[WORDS * i + 6],
    firstPort: rules[WORDS * i + 7] >>> 16,
    lastPort: rules[WORDS * i + 7] & 0xffff,
  };
}

/**
 * Whether a rule is for a packet.
 * @pure
 */
export function matches(rule: Rule, packet: Packet): boolean {
  return (
    (rule.directions & packet.direction) !== 0 &&
    (rule.protocol === ANY_PROTOCOL || rule.protocol === packet.protocol) &&
    (packet.source & rule.sourceMask) >>> 0 === rule.source &&
    (packet.destination & rule.destinationMask) >>> 0 === rule.destination &&
    (rule.firstPort > rule.lastPort ||
      (packet.hasPort && rule.firstPort <= packet.port && packet.port <= rule.lastPort))
  );
}

/**
 * The number of the first rule, of `count`, that matches; `count` if none does.
 * @pure
 * @requires count <= MOST_RULES && WORDS * count <= rules.length
 * @ensures result <= count && (result === count || matches(ruleAt(rules, result), packet))
 * @ensures forall(0, result, (i) => !matches(ruleAt(rules, i), packet))
 */
export function firstMatch(rules: Readonly<Uint32Array>, count: u32, packet: Packet): u32 {
  for (let i = 0; i < count; i++) {
    invariant(forall(0, i, (j) => !matches(ruleAt(rules, j), packet)));
    if (matches(ruleAt(rules, i), packet)) return i;
  }
  return count;
}

/**
 * Whether a packet may pass: the first rule that matches allows it.
 * @pure
 * @requires count <= MOST_RULES && WORDS * count <= rules.length
 * @ensures result === exists(0, count, (i) => ruleAt(rules, i).allows && matches(ruleAt(rules, i), packet) && forall(0, i, (j) => !matches(ruleAt(rules, j), packet)))
 */
export function isAllowed(rules: Readonly<Uint32Array>, count: u32, packet: Packet): boolean {
  const first = firstMatch(rules, count, packet);
  if (first === count) return false;
  return ruleAt(rules, first).allows;
}
