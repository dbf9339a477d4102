/**
 * Small readers that all kernels share.
 */

/** Word `index` of a block: mostly the address of a column. */
export function word(block: usize, index: i32): usize {
  return load<u32>(block + ((<usize>index) << 2));
}

export function setWord(block: usize, index: i32, value: u32): void {
  store<u32>(block + ((<usize>index) << 2), value);
}

export function getU32(column: usize, index: u32): u32 {
  return load<u32>(column + ((<usize>index) << 2));
}

export function setU32(column: usize, index: u32, value: u32): void {
  store<u32>(column + ((<usize>index) << 2), value);
}

export function getF64(column: usize, index: u32): f64 {
  return load<f64>(column + ((<usize>index) << 3));
}

export function setF64(column: usize, index: u32, value: f64): void {
  store<f64>(column + ((<usize>index) << 3), value);
}

export function getU8(column: usize, index: u32): u8 {
  return load<u8>(column + <usize>index);
}

export function setU8(column: usize, index: u32, value: u32): void {
  store<u8>(column + <usize>index, <u8>value);
}

/** The low 32 bits of an integer kept as a double, two's complement. */
export function lowWord(value: f64): u32 {
  while (value >= 9.223372036854775808e18) value -= 1.8446744073709552e19;
  while (value < -9.223372036854775808e18) value += 1.8446744073709552e19;
  return <u32>(<i64>value);
}
