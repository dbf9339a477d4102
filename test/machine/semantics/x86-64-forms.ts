/** Instruction forms for the test of x86-64 semantics, as assembly with places for random operands. */
import type { Draw } from '../../../analyzers/interpreter/sample.ts';

export interface Case {
  readonly text: string;
  /** Registers that must have certain values, by number. */
  readonly fixed?: Readonly<Record<number, bigint>>;
}

/** Where each case's memory lies, and how long it is; RSI points to it. */
export const MEMORY = 0x10000000;
export const MEMORY_SIZE = 64;
export const STACK_TOP = 0x20008000;

const names: Readonly<Record<number, readonly string[]>> = {
  64: 'rax rbx rcx rdx rdi r8 r9 r10 r11 r12 r13 r14 r15 rbp'.split(' '),
  32: 'eax ebx ecx edx edi r8d r9d r10d r11d r12d r13d r14d r15d ebp'.split(' '),
  16: 'ax bx cx dx di r8w r9w r10w r11w r12w r13w r14w r15w bp'.split(' '),
  8: 'al bl cl dl dil r8b r9b r10b r11b r12b r13b r14b r15b bpl'.split(' '),
};
const high = ['ah', 'bh', 'ch', 'dh'];
const pointer: Readonly<Record<number, string>> = {
  8: 'byte',
  16: 'word',
  32: 'dword',
  64: 'qword',
  128: 'xmmword',
  256: 'ymmword',
};

const sizes = [8, 16, 32, 64] as const;

export function createForms(draw: Draw, has: (feature: string) => boolean): Case[] {
  const cases: Case[] = [];
  const add = (text: string, fixed?: Readonly<Record<number, bigint>>): void => {
    cases.push({ text, ...(fixed && { fixed }) });
  };
  const register = (width: number): string => names[width]![draw(14)]!;
  const memory = (width: number): string =>
    `${pointer[width]} ptr [rsi+${draw(2) * 32 + (width > 128 ? 0 : draw(2) * 16)}]`;
  const immediate = (width: number): number => [1, -1, draw(127), -draw(128), width === 8 ? 5 : draw(32000)][draw(5)]!;
  const xmm = (): string => `xmm${draw(8)}`;
  const ymm = (): string => `ymm${draw(8)}`;

  for (const width of sizes) {
    const r = (): string => register(width);
    const m = (): string => memory(width);
    for (const name of 'add adc sub sbb and or xor cmp test mov'.split(' ')) {
      add(`${name} ${r()}, ${r()}`);
      add(`${name} ${m()}, ${r()}`);
      if (name !== 'test') add(`${name} ${r()}, ${m()}`);
      add(`${name} ${r()}, ${immediate(width)}`);
      add(`${name} ${m()}, ${immediate(width)}`);
      const same = r();
      add(`${name} ${same}, ${same}`);
    }
    for (const name of 'inc dec neg not mul imul'.split(' ')) {
      add(`${name} ${r()}`);
      add(`${name} ${m()}`);
    }
    add(`clc\ninc ${r()}\nadc ${r()}, 1\ndec ${r()}\nsbb ${r()}, 2`);
    for (const name of 'shl shr sar rol ror rcl rcr'.split(' ')) {
      for (const count of [0, 1, 7, width - 1, width, draw(64)]) add(`${name} ${r()}, ${count}`);
      add(`${name} ${m()}, ${draw(31)}`);
      for (let i = 0; i < 3; i++) add(`${name} ${r()}, cl`);
      add(`${name} ${r()}, cl`, { 1: 0n });
    }
    const divisor = width === 8 ? 'bl' : register(width);
    const unsigned = { 2: 0n, 0: BigInt(draw(60)) };
    if (!/^([re]?ax|al|[re]?dx|dl|d?x)$/.test(divisor)) {
      const ones = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [i, BigInt(1 + draw(100))]));
      add(`div ${divisor}`, { ...ones, ...unsigned });
      add(`idiv ${divisor}`, { ...ones, 2: (1n << 64n) - 1n, 0: (1n << 64n) - BigInt(5 + draw(50)) });
      add(`idiv ${divisor}`, { ...ones, ...unsigned });
    }
    if (width > 8) {
      add(`imul ${r()}, ${r()}`);
      add(`imul ${r()}, ${m()}, ${immediate(width)}`);
      add(`imul ${r()}, ${r()}, ${immediate(8)}`);
      for (const name of ['shld', 'shrd']) {
        for (const count of [0, 1, 5, width - 1]) add(`${name} ${r()}, ${r()}, ${count}`);
        add(`${name} ${r()}, ${r()}, cl`, { 1: BigInt(draw(width)) });
      }
      for (const name of 'bsf bsr tzcnt lzcnt popcnt'.split(' ')) add(`${name} ${r()}, ${r()}`);
      for (const name of 'bt bts btr btc'.split(' ')) add(`${name} ${r()}, ${r()}\n${name} ${r()}, ${draw(16)}`);
      for (const name of ['movzx', 'movsx'])
        for (const from of sizes.filter((size) => size < width && size < 32)) {
          add(`${name} ${r()}, ${register(from)}`);
          add(`${name} ${r()}, ${memory(from)}`);
        }
      add(`cmovb ${r()}, ${r()}\ncmovle ${r()}, ${m()}\ncmovnp ${r()}, ${r()}`);
      add(`movbe ${r()}, ${m()}\nmovbe ${m()}, ${r()}`);
      add(`lea ${r()}, [rax+rcx*4-${draw(99)}]`);
    }
    if (width >= 32) {
      for (const name of 'andn shlx shrx sarx mulx bextr bzhi pdep pext'.split(' '))
        add(
          name === 'shlx' || name === 'shrx' || name === 'sarx'
            ? `${name} ${r()}, ${m()}, ${r()}`
            : `${name} ${r()}, ${r()}, ${r()}`,
        );
      for (const name of 'blsr blsi blsmsk'.split(' ')) add(`${name} ${r()}, ${r()}`);
      add(`rorx ${r()}, ${r()}, ${draw(width)}`);
      add(`bswap ${r()}`);
      if (has('adx')) add(`adcx ${r()}, ${r()}\nadox ${r()}, ${r()}\nadcx ${r()}, ${m()}\nadox ${r()}, ${m()}`);
    }
    add(`xchg ${r()}, ${r()}`);
    add(`xchg ${m()}, ${r()}`);
    add(`xadd ${r()}, ${r()}`);
    add(`xadd ${m()}, ${r()}`);
    add(`cmpxchg ${m()}, ${r()}`);
    add(`${'cbw cwde cdqe cwd cdq cqo'.split(' ').join('\n')}`);
    const letter = { 8: 'b', 16: 'w', 32: 'd', 64: 'q' }[width];
    const aim = { 7: BigInt(MEMORY) };
    add(`lea rdi, [rsi+8]\nstos${letter}`, aim);
    add(`lea rdi, [rsi+8]\nmov ecx, ${draw(256 / width)}\nrep stos${letter}`, aim);
    add(`lea rdi, [rsi+24]\nmov ecx, ${draw(256 / width)}\nrep movs${letter}`, aim);
  }
  for (let i = 0; i < 8; i++) {
    add(`mov ${high[draw(4)]}, ${['al', 'bl', 'ch', 'dh'][draw(4)]}\nadd ${high[draw(4)]}, ${high[draw(4)]}`);
    add(`movsxd ${register(64)}, ${register(32)}\nmovsxd ${register(64)}, ${memory(32)}`);
  }
  for (const name of 'o no b ae e ne be a s ns p np l ge le g'.split(' ')) {
    add(`set${name} ${register(8)}`);
    for (const before of [
      'cmp eax, ebx',
      'add al, bl',
      'test rcx, rdx',
      'inc r8',
      'sbb edx, eax',
      'imul rax, rbx\nxor ecx, ecx',
    ])
      add(`${before}\nj${name} 7f\nadd r9, 77\n7: set${name} ${memory(8)}`);
  }
  add(`jrcxz 7f\nmov eax, 1\n7: nop`, { 1: 0n });
  add(`jecxz 7f\nmov eax, 1\n7: nop`);
  add(`push rax\npush ${memory(64)}\npush -5\npop rbx\npop rcx\npop ${memory(64)}`);
  add(`push rsp\npop rax\npush rdx\nmov rbp, rsp\npush rax\nleave`, {});
  add(`call 7f\njmp 8f\n7: mov rdx, [rsp]\nsub rdx, 5\nret\n8: lea rax, [rip+4]\nsub rax, rdx\nxor edx, edx`);
  add('stc\nadc eax, 0\nclc\nsbb ebx, 0\ncmc\nadc ecx, 0');
  add('lahf\ncpuid\nxor eax, eax\nxor ebx, ebx\nxor ecx, ecx\nxor edx, edx');

  const vectors = [
    'movaps movups movapd movupd movdqa movdqu pand andps pandn andnpd por orps pxor xorps paddb paddw paddd paddq',
    'psubb psubw psubd psubq pcmpeqb pcmpeqw pcmpeqd pcmpeqq pcmpgtb pcmpgtw pcmpgtd pmullw pmulld pmuludq',
    'psllw pslld psllq psrlw psrld psrlq psraw psrad pshufb punpcklbw punpcklwd punpckldq punpcklqdq punpckhbw',
    'punpckhwd punpckhdq punpckhqdq unpcklps unpckhpd pminub pmaxsw packuswb pmulhuw pmaddwd psadbw aesenc aesdec pclmulqdq$',
    'addps mulpd haddps pabsd phaddd pmuldq pcmpgtq sha256msg1 sha1nexte aesimc aeskeygenassist$ pavgb psignd',
  ];
  for (const entry of vectors.join(' ').split(' ')) {
    const name = entry.replace('$', '');
    const last = entry.endsWith('$') ? `, ${draw(2) * 16}` : '';
    if (name.startsWith('sha') && !has('sha_ni')) continue;
    const isMove = name.startsWith('mov') || name === 'aesimc' || name === 'pabsd' || name === 'aeskeygenassist';
    add(`${name} ${xmm()}, ${xmm()}${last}`);
    add(`${name} ${xmm()}, ${memory(128)}${last}`);
    if (name.startsWith('sha')) continue;
    add(isMove ? `v${name} ${xmm()}, ${xmm()}${last}` : `v${name} ${xmm()}, ${xmm()}, ${xmm()}${last}`);
    if (isMove && name.startsWith('mov'))
      add(`v${name} ${ymm()}, ${ymm()}\nv${name} ${memory(256)}, ${ymm()}\n${name} ${memory(128)}, ${xmm()}`);
    const isWide = !/^(aes|pclmul)/.test(name) && !isMove;
    const isShift = /^ps(ll|rl|ra)/.test(name);
    if (isWide) add(isShift ? `v${name} ${ymm()}, ${ymm()}, ${xmm()}` : `v${name} ${ymm()}, ${ymm()}, ${memory(256)}`);
    if (isShift)
      for (const count of [0, 1, draw(32), 70])
        add(`${name} ${xmm()}, ${count}\nv${name} ${ymm()}, ${ymm()}, ${count}`);
    const same = xmm();
    if (isWide) add(`${name} ${same}, ${same}`);
  }
  for (let i = 0; i < 5; i++) {
    const n = (): number => draw(256);
    for (const name of ['pshufd', 'pshuflw', 'pshufhw'])
      add(`${name} ${xmm()}, ${xmm()}, ${n()}\nv${name} ${ymm()}, ${memory(256)}, ${n()}`);
    for (const name of ['shufps', 'palignr', 'pblendw'])
      add(`${name} ${xmm()}, ${xmm()}, ${n()}\nv${name} ${ymm()}, ${ymm()}, ${ymm()}, ${n()}`);
    add(`vpblendd ${ymm()}, ${ymm()}, ${ymm()}, ${n()}`);
    add(`pslldq ${xmm()}, ${draw(18)}\npsrldq ${xmm()}, ${draw(18)}\nvpsrldq ${ymm()}, ${ymm()}, ${draw(18)}`);
    add(
      `vinserti128 ${ymm()}, ${ymm()}, ${xmm()}, ${i & 1}\nvextracti128 ${xmm()}, ${ymm()}, ${i & 1}\nvextracti128 ${memory(128)}, ${ymm()}, 1`,
    );
    add(`vperm2i128 ${ymm()}, ${ymm()}, ${ymm()}, ${n()}\nvpermq ${ymm()}, ${ymm()}, ${n()}`);
    for (const [letter, width] of [
      ['b', 32],
      ['w', 32],
      ['d', 32],
      ['q', 64],
    ] as const) {
      add(
        `pinsr${letter} ${xmm()}, ${register(width)}, ${draw(2)}\nvpinsr${letter} ${xmm()}, ${xmm()}, ${register(width)}, ${draw(2)}`,
      );
      add(`pextr${letter} ${register(width)}, ${xmm()}, ${draw(2)}`);
      add(
        `vpbroadcast${letter} ${ymm()}, ${xmm()}\nvpbroadcast${letter} ${xmm()}, ${memory({ b: 8, w: 16, d: 32, q: 64 }[letter])}`,
      );
    }
  }
  add(`movd ${xmm()}, eax\nmovd ebx, ${xmm()}\nmovd ${memory(32)}, ${xmm()}\nmovd ${xmm()}, ${memory(32)}`);
  add(
    `movq ${xmm()}, rax\nmovq rbx, ${xmm()}\nmovq ${memory(64)}, ${xmm()}\nmovq ${xmm()}, ${memory(64)}\nmovq ${xmm()}, ${xmm()}`,
  );
  add(`vmovd ${xmm()}, eax\nvmovq rbx, ${xmm()}\nvmovq ${xmm()}, ${memory(64)}\nvmovq ${xmm()}, ${xmm()}`);
  for (const [name, width] of [
    ['movss', 32],
    ['movsd', 64],
  ] as const) {
    add(`${name} ${xmm()}, ${xmm()}\n${name} ${xmm()}, ${memory(width)}\n${name} ${memory(width)}, ${xmm()}`);
    add(
      `v${name} ${xmm()}, ${xmm()}, ${xmm()}\nv${name} ${xmm()}, ${memory(width)}\nv${name} ${memory(width)}, ${xmm()}`,
    );
  }
  for (const name of ['movlps', 'movhps', 'movlpd', 'movhpd'])
    add(`${name} ${xmm()}, ${memory(64)}\n${name} ${memory(64)}, ${xmm()}\nv${name} ${xmm()}, ${xmm()}, ${memory(64)}`);
  add(`movhlps ${xmm()}, ${xmm()}\nmovlhps ${xmm()}, ${xmm()}\nvmovhlps ${xmm()}, ${xmm()}, ${xmm()}`);
  add(`pmovmskb eax, ${xmm()}\nvpmovmskb ebx, ${ymm()}\nmovmskps ecx, ${xmm()}\nmovmskpd edx, ${xmm()}`);
  add('vzeroupper');
  add('vzeroall');
  add(`ptest ${xmm()}, ${xmm()}`);
  add(
    `vpsrlvd ${ymm()}, ${ymm()}, ${ymm()}\nvpmovzxbw ${ymm()}, ${xmm()}\npmovzxwd ${xmm()}, ${memory(64)}\nvpackusdw ${ymm()}, ${ymm()}, ${ymm()}`,
  );
  add(`cvtsi2sd ${xmm()}, rax\ncvtps2dq ${xmm()}, ${xmm()}\nucomisd ${xmm()}, ${xmm()}\nsqrtsd ${xmm()}, ${xmm()}`);
  if (has('sha_ni')) add('sha256rnds2 xmm1, xmm2');
  return cases;
}
