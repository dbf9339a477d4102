/**
 * The part of JavaScript's standard library that verified code may name, for the prover's own type checks. It takes the
 * place of TypeScript's lib files, which take longer to read than all else: what is missing here would be refused
 * anyway. Not part of the project's own compilation.
 */
type Object = {};
interface Function {
  readonly length: number;
}
interface CallableFunction extends Function {}
interface NewableFunction extends Function {}
type IArguments = {};
interface ObjectConstructor {
  freeze<T>(values: T[]): readonly T[];
  freeze<T>(value: T): Readonly<T>;
}
declare var Object: ObjectConstructor;
type RegExp = {};
type Boolean = {};
type Symbol = {};
interface SymbolConstructor {
  readonly iterator: unique symbol;
}
declare var Symbol: SymbolConstructor;
interface TemplateStringsArray extends ReadonlyArray<string> {}
interface String {
  readonly length: number;
  charCodeAt(index: number): number;
}
interface Number {
  toString(radix?: number): string;
}
interface NumberConstructor {
  (value: bigint | number): number;
  readonly MAX_SAFE_INTEGER: number;
  readonly MIN_SAFE_INTEGER: number;
}
declare var Number: NumberConstructor;
interface BigInt {
  toString(radix?: number): string;
}
interface BigIntConstructor {
  (value: bigint | number): bigint;
  asIntN(bits: number, value: bigint): bigint;
  asUintN(bits: number, value: bigint): bigint;
}
declare var BigInt: BigIntConstructor;
interface Math {
  abs(x: number): number;
  floor(x: number): number;
  trunc(x: number): number;
  imul(x: number, y: number): number;
  min(...values: number[]): number;
  max(...values: number[]): number;
}
declare var Math: Math;

interface Error {
  readonly message: string;
}
interface ErrorConstructor {
  new (message?: string): Error;
}
declare var Error: ErrorConstructor;
declare var RangeError: ErrorConstructor;
declare var TypeError: ErrorConstructor;

type Readonly<T> = { readonly [P in keyof T]: T[P] };
type Partial<T> = { [P in keyof T]?: T[P] };
type Record<K extends keyof any, T> = { [P in K]: T };

interface IteratorYieldResult<T> {
  done?: false;
  value: T;
}
interface IteratorReturnResult<T> {
  done: true;
  value: T;
}
type IteratorResult<T, R> = IteratorYieldResult<T> | IteratorReturnResult<R>;
interface Iterator<T, R = any, N = any> {
  next(...value: [] | [N]): IteratorResult<T, R>;
}
interface IteratorObject<T, R = any, N = any> extends Iterator<T, R, N> {
  [Symbol.iterator](): IteratorObject<T, R, N>;
}
interface ArrayIterator<T> extends IteratorObject<T, undefined, unknown> {
  [Symbol.iterator](): ArrayIterator<T>;
}
interface Iterable<T, R = any, N = any> {
  [Symbol.iterator](): Iterator<T, R, N>;
}
interface IterableIterator<T, R = any, N = any> extends Iterator<T, R, N> {
  [Symbol.iterator](): IterableIterator<T, R, N>;
}
interface Array<T> {
  readonly length: number;
  [index: number]: T;
  [Symbol.iterator](): ArrayIterator<T>;
}
interface ReadonlyArray<T> {
  readonly length: number;
  readonly [index: number]: T;
  [Symbol.iterator](): ArrayIterator<T>;
}
type ArrayConstructor = {};
declare var Array: ArrayConstructor;

interface ArrayBuffer {
  readonly byteLength: number;
}
/** Methods are here so that they are refused by name and not as unknown. */
interface TypedArray<T> {
  readonly length: number;
  readonly buffer: ArrayBuffer;
  readonly byteLength: number;
  readonly byteOffset: number;
  copyWithin(target: number, start: number, end?: number): this;
  fill(value: T, start?: number, end?: number): this;
  includes(value: T, start?: number): boolean;
  indexOf(value: T, start?: number): number;
  reverse(): this;
  set(values: Iterable<T>, offset?: number): void;
  slice(start?: number, end?: number): this;
  sort(): this;
  subarray(start?: number, end?: number): this;
  at(index: number): T | undefined;
  [index: number]: T;
  [Symbol.iterator](): ArrayIterator<T>;
}
interface Int8Array extends TypedArray<number> {
  readonly __int8?: never;
}
interface Uint8Array extends TypedArray<number> {
  readonly __uint8?: never;
}
interface Uint8ClampedArray extends TypedArray<number> {
  readonly __uint8clamped?: never;
}
interface Int16Array extends TypedArray<number> {
  readonly __int16?: never;
}
interface Uint16Array extends TypedArray<number> {
  readonly __uint16?: never;
}
interface Int32Array extends TypedArray<number> {
  readonly __int32?: never;
}
interface Uint32Array extends TypedArray<number> {
  readonly __uint32?: never;
}
interface Float32Array extends TypedArray<number> {
  readonly __float32?: never;
}
interface Float64Array extends TypedArray<number> {
  readonly __float64?: never;
}
interface BigInt64Array extends TypedArray<bigint> {
  readonly __bigint64?: never;
}
interface BigUint64Array extends TypedArray<bigint> {
  readonly __biguint64?: never;
}
interface TypedArrayConstructor<A, T> {
  new (length: number): A;
  new (values: readonly T[]): A;
  of(...values: readonly T[]): A;
}
declare var Int8Array: TypedArrayConstructor<Int8Array, number>;
declare var Uint8Array: TypedArrayConstructor<Uint8Array, number>;
declare var Uint8ClampedArray: TypedArrayConstructor<Uint8ClampedArray, number>;
declare var Int16Array: TypedArrayConstructor<Int16Array, number>;
declare var Uint16Array: TypedArrayConstructor<Uint16Array, number>;
declare var Int32Array: TypedArrayConstructor<Int32Array, number>;
declare var Uint32Array: TypedArrayConstructor<Uint32Array, number>;
declare var Float32Array: TypedArrayConstructor<Float32Array, number>;
declare var Float64Array: TypedArrayConstructor<Float64Array, number>;
declare var BigInt64Array: TypedArrayConstructor<BigInt64Array, bigint>;
declare var BigUint64Array: TypedArrayConstructor<BigUint64Array, bigint>;

interface DataView {
  readonly buffer: ArrayBuffer;
  readonly byteLength: number;
  readonly byteOffset: number;
  getUint8(byteOffset: number): number;
  setUint8(byteOffset: number, value: number): void;
  getUint16(byteOffset: number, littleEndian?: boolean): number;
  setUint16(byteOffset: number, value: number, littleEndian?: boolean): void;
  getUint32(byteOffset: number, littleEndian?: boolean): number;
  setUint32(byteOffset: number, value: number, littleEndian?: boolean): void;
  getInt8(byteOffset: number): number;
  setInt8(byteOffset: number, value: number): void;
  getInt16(byteOffset: number, littleEndian?: boolean): number;
  setInt16(byteOffset: number, value: number, littleEndian?: boolean): void;
  getInt32(byteOffset: number, littleEndian?: boolean): number;
  setInt32(byteOffset: number, value: number, littleEndian?: boolean): void;
  getBigUint64(byteOffset: number, littleEndian?: boolean): bigint;
  setBigUint64(byteOffset: number, value: bigint, littleEndian?: boolean): void;
  getFloat64(byteOffset: number, littleEndian?: boolean): number;
}
