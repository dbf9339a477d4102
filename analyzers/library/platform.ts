/**
 * The module `casemate/platform`: what a unikernel's machine offers, for verified TypeScript.
 *
 * Each function is only declared, with a contract that provers believe and `casemate prove --assumptions` lists; it is
 * kept by C over Solo5's public API (targets/platform/verified) in an image, and by platform-node.ts under Node.js.
 * Nothing here shares memory with a device or with the host: bytes are copied into arrays of the program and out of
 * them, so what was checked stays as it was. What a call gives is new each time, so none of these is in a contract.
 *
 * Devices are known by the names that casemate.json gives them, and then by a handle, a number below 64.
 */
import type { u8, u32, u64 } from 'casemate';

export interface NetDevice {
  readonly handle: u8;
  /** Bytes of a frame behind its Ethernet header of 14. */
  readonly mtu: u32;
}

export interface BlockDevice {
  readonly handle: u8;
  /** Bytes. */
  readonly capacity: u64;
  /** Bytes: offsets and lengths are multiples of it. */
  readonly blockSize: u32;
}

/**
 * Writes the first `length` bytes to the console. What the host cannot take is lost.
 * @trusted
 * @requires length <= text.length
 */
export declare function consoleWrite(text: Readonly<Uint8Array>, length: u32): void;

/**
 * Copies the boot parameters to the beginning of `into` and gives their length; undefined: they do not fit, and nothing
 * is copied.
 * @trusted
 * @modifies into
 * @ensures result === undefined || result <= into.length
 */
export declare function bootArguments(into: Uint8Array): u32 | undefined;

/**
 * Nanoseconds since some moment in the past; never fewer than before.
 * @trusted
 */
export declare function clockMonotonic(): u64;

/**
 * Nanoseconds since 1970-01-01 00:00 UTC, as the host has them; 0 where nobody knows.
 * @trusted
 */
export declare function clockWall(): u64;

/**
 * Sleeps until the monotonic clock shows `deadline`, or a network device has a frame. Bit h of the result says whether
 * the one with the handle h has one.
 * @trusted
 */
export declare function yieldUntil(deadline: u64): u64;

/**
 * Ends the program; the host sees the status where it can. It does not return.
 * @trusted
 */
export declare function exit(status: u8): void;

/**
 * Opens the network device of this name, once, and copies its Ethernet address to the first six bytes of `mac`.
 * Undefined: there is none, or it was opened before.
 * @trusted
 * @requires mac.length >= 6
 * @modifies mac
 * @ensures result === undefined || (result.handle < 64 && result.mtu <= 65535)
 */
export declare function netAcquire(name: Readonly<Uint8Array>, mac: Uint8Array): NetDevice | undefined;

/**
 * Takes one frame, if there is one, into `frame`, which must have room for mtu + 14 bytes: else it stays where it is.
 * Gives its length, 0 if there is none. The bytes behind it may have changed as well.
 * @trusted
 * @modifies frame
 * @ensures result <= frame.length
 */
export declare function netRead(handle: u8, frame: Uint8Array): u32;

/**
 * Sends the first `length` bytes as a frame. False: it is none that the device sends (from 14 to mtu + 14 bytes). A
 * busy host drops it in silence.
 * @trusted
 * @requires length <= frame.length
 */
export declare function netWrite(handle: u8, frame: Readonly<Uint8Array>, length: u32): boolean;

/**
 * Opens the block device of this name, once. Undefined: there is none, or it was opened before.
 * @trusted
 * @ensures result === undefined || (result.handle < 64 && result.blockSize > 0)
 */
export declare function blockAcquire(name: Readonly<Uint8Array>): BlockDevice | undefined;

/**
 * Reads `length` bytes, at most one block in code that shall run everywhere, from `offset` on. False: the range is none
 * of the device, or it failed; what `bytes` holds then is not said.
 * @trusted
 * @requires length <= bytes.length
 * @modifies bytes
 */
export declare function blockRead(handle: u8, offset: u64, bytes: Uint8Array, length: u32): boolean;

/**
 * Writes the first `length` bytes of `bytes` at `offset`, as blockRead reads them. False: none was written, or it failed.
 * @trusted
 * @requires length <= bytes.length
 */
export declare function blockWrite(handle: u8, offset: u64, bytes: Readonly<Uint8Array>, length: u32): boolean;
