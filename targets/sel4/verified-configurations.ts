/**
 * The configurations of seL4 for which there are proofs, key by key.
 *
 * A proof is about one configuration's source; with another key it is about nothing. seL4 lists which configurations have
 * one, and what is proved of each; what a configuration consists of follows from its file of settings and the defaults
 * of everything else. Both are set down here as figures: every key that is on or has a value. A key that is not listed
 * is off, so that a key which nobody here has heard of counts as a difference.
 * Source: seL4 16.0.0, CAVEATS.md ("Implementation Correctness"), configs/*_verified.cmake, and the gen_config.json that
 * each of these leaves. Configurations that have a file but are not in CAVEATS.md (RISC-V boards but `hifive`, AArch64
 * with MCS) are left out: their proofs are not finished.
 */
import type { SeL4Machine } from './kernel-elf.ts';

/** What can be proved of a kernel, in the order in which a report gives it. */
export type Property = 'functional-correctness' | 'integrity' | 'confidentiality' | 'non-interference';

export interface VerifiedConfiguration {
  /** Of its file under seL4's configs/. */
  readonly name: string;
  readonly machine: SeL4Machine;
  readonly properties: readonly Property[];
  /** Whether the proofs cover the fast path of IPC, which all of these configurations switch on. */
  readonly coversFastpath: boolean;
  /** Whether compiler and linker can be left out of what must be trusted, by checking the binary. */
  readonly binary: boolean;
  /** Keys that are on ('1') or have a value. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Keys that may differ: the proofs hold for any number of domains and any schedule of them. Source: CAVEATS.md. */
export const freeKeys: ReadonlySet<string> = new Set(['NUM_DOMAINS', 'NUM_DOMAIN_SCHEDULES']);

type Keys = Readonly<Record<string, string>>;

/** Each of these words is a key that is on; `KEY=value` is one with a value. */
function keysOf(text: string): Keys {
  return Object.fromEntries(
    text
      .trim()
      .split(/\s+/)
      .map((word) => {
        const at = word.indexOf('=');
        return at < 0 ? [word, '1'] : [word.slice(0, at), word.slice(at + 1)];
      }),
  );
}

const everywhere = keysOf(`
  WORD_SIZE=64 RETYPE_FAN_OUT_LIMIT=256 MAX_NUM_WORK_UNITS_PER_PREEMPTION=100 RESET_CHUNK_BITS=8
  MAX_NUM_BOOTINFO_UNTYPED_CAPS=50 FASTPATH NUM_DOMAINS=16 NUM_DOMAIN_SCHEDULES=100 NUM_PRIORITIES=256 MAX_NUM_NODES=1
  KERNEL_STACK_BITS=12 VERIFICATION_BUILD NO_BENCHMARKS KERNEL_BENCHMARK=none MAX_NUM_TRACE_POINTS=0
  USER_STACK_TRACE_LENGTH=0 KERNEL_OPT_LEVEL=-O2 KERNEL_OPT_LEVEL_O2
`);

/** Without MCS, time is counted in ticks. */
const ticks = keysOf('TIMER_TICK_MS=2 TIME_SLICE=5');

/** A board of another kind than the kernel's is asked for these too. */
const noHikey = keysOf(
  'ARM_HIKEY_OUTSTANDING_PREFETCHERS=0 ARM_HIKEY_PREFETCHER_STRIDE=0 ARM_HIKEY_PREFETCHER_NPFSTRM=0',
);

const riscv64 = {
  ...everywhere,
  ...noHikey,
  ...keysOf(`
    ARCH=riscv ARCH_RISCV ARCH_RISCV64 SEL4_ARCH=riscv64 PLAT=hifive PLAT_HIFIVE RISCV_PLAT=hifive FIRST_HART_ID=1
    OPENSBI_PLATFORM=generic TIMER_FREQUENCY=1000000 PT_LEVELS=3 PADDR_USER_DEVICE_TOP=549755813888
    ROOT_CNODE_SIZE_BITS=19 BINARY_VERIFICATION_BUILD CLZ_64 CTZ_64 CLZ_NO_BUILTIN CTZ_NO_BUILTIN
  `),
};

const x64 = {
  ...everywhere,
  ...noHikey,
  ...ticks,
  ...keysOf(`
    ARCH=x86 ARCH_X86 ARCH_X86_64 SEL4_ARCH=x86_64 PLAT=pc99 PLAT_PC99 PC99_TSC_FREQUENCY=0
    ARCH_X86_NEHALEM KERNEL_X86_MICRO_ARCH=nehalem IRQ_IOAPIC KERNEL_IRQ_CONTROLLER=IOAPIC MAX_NUM_IOAPIC=1
    XAPIC KERNEL_LAPIC_MODE=XAPIC CACHE_LN_SZ=64 MAX_RMRR_ENTRIES=1 MAX_VPIDS=0 HUGE_PAGE SUPPORT_PCID
    SYSCALL KERNEL_X86_SYSCALL=syscall XSAVE KERNEL_X86_FPU=XSAVE XSAVE_XSAVE KERNEL_XSAVE=XSAVE XSAVE_FEATURE_SET=3
    XSAVE_SIZE=576 FSGSBASE_INST KERNEL_FSGS_BASE=inst MULTIBOOT_GRAPHICS_MODE_NONE KERNEL_MUTLTIBOOT_GFX_MODE=none
    MULTIBOOT1_HEADER MULTIBOOT2_HEADER KERNEL_SKIM_WINDOW KERNEL_X86_IBRS_NONE KERNEL_X86_IBRS=ibrs_none HAVE_FPU
    PADDR_USER_DEVICE_TOP=140737488355328 ROOT_CNODE_SIZE_BITS=19 KERNEL_OPTIMISATION_CLONE_FUNCTIONS
  `),
};

const aarch64 = {
  ...everywhere,
  ...ticks,
  ...keysOf(`
    ARCH=arm ARCH_ARM ARCH_AARCH64 ARCH_ARM_V8A SEL4_ARCH=aarch64 ARM_HYPERVISOR_SUPPORT AARCH64_USER_CACHE_ENABLE
    ALLOW_SMC_CALLS ARM_TLS_REG=tpidru ARM_TLS_REG_TPIDRU L1_CACHE_LINE_SIZE_BITS=6 HAVE_FPU ROOT_CNODE_SIZE_BITS=12
    KERNEL_OPTIMISATION_CLONE_FUNCTIONS
  `),
};

/** Widths of physical addresses. */
const narrow = 'ARM_PA_SIZE_BITS_40 PADDR_USER_DEVICE_TOP=1099511627776';
const wide = 'ARM_PA_SIZE_BITS_44 PADDR_USER_DEVICE_TOP=17592186044416';

/** What each AArch64 board adds, by the name of its configuration; `hikey` alone has prefetchers to set. */
const boards: Readonly<Record<string, string>> = {
  AARCH64: `PLAT=tx2 PLAT_TX2 ARM_PLAT=tx2 MACH=nvidia ARM_MACH=nvidia ARM_CORTEX_A57 TIMER_FREQUENCY=31250000 ${wide}`,
  AARCH64_bcm2711: `PLAT=bcm2711 PLAT_BCM2711 ARM_PLAT=rpi4 ARM_CORTEX_A72 TIMER_FREQUENCY=54000000 ${wide}`,
  AARCH64_bcm2712: `PLAT=bcm2712 PLAT_BCM2712 ARM_PLAT=rpi5 ARM_CORTEX_A76 TIMER_FREQUENCY=54000000 ${narrow}`,
  AARCH64_hikey: `PLAT=hikey PLAT_HIKEY ARM_PLAT=hikey ARM_CORTEX_A53 TIMER_FREQUENCY=1200000 ARM_ICACHE_VIPT ${narrow}
    ARM_HIKEY_OUTSTANDING_PREFETCHERS=5 ARM_HIKEY_PREFETCHER_STRIDE=2 ARM_HIKEY_PREFETCHER_NPFSTRM=2
    ARM_HIKEY_PREFETCHER_STBPFDIS`,
  AARCH64_imx8mm: `PLAT=imx8mm-evk PLAT_IMX8MM_EVK ARM_PLAT=imx8mm-evk ARM_MACH=imx ARM_CORTEX_A53
    TIMER_FREQUENCY=8000000 ARM_ICACHE_VIPT ARM_GIC_V3_SUPPORT ${narrow}`,
  AARCH64_imx8mq: `PLAT=imx8mq-evk PLAT_IMX8MQ PLAT_IMX8MQ_EVK ARM_PLAT=imx8mq-evk ARM_MACH=imx ARM_CORTEX_A53
    TIMER_FREQUENCY=8333333 ARM_ICACHE_VIPT ARM_GIC_V3_SUPPORT ${narrow}`,
  AARCH64_imx93: `PLAT=imx93 PLAT_IMX93 ARM_PLAT=imx93 ARM_CORTEX_A55 TIMER_FREQUENCY=24000000 ARM_ICACHE_VIPT
    ARM_GIC_V3_SUPPORT ${narrow}`,
  AARCH64_maaxboard: `PLAT=maaxboard PLAT_IMX8MQ PLAT_MAAXBOARD ARM_PLAT=maaxboard ARM_MACH=imx ARM_CORTEX_A53
    TIMER_FREQUENCY=8333333 ARM_ICACHE_VIPT ARM_GIC_V3_SUPPORT ${narrow}`,
  AARCH64_odroidc2: `PLAT=odroidc2 PLAT_ODROIDC2 ARM_PLAT=odroidc2 ARM_CORTEX_A53 TIMER_FREQUENCY=24000000
    ARM_ICACHE_VIPT ${narrow}`,
  AARCH64_odroidc4: `PLAT=odroidc4 PLAT_ODROIDC4 ARM_PLAT=odroidc4 ARM_CORTEX_A55 TIMER_FREQUENCY=24000000
    ARM_ICACHE_VIPT ${narrow}`,
  AARCH64_rockpro64: `PLAT=rockpro64 PLAT_ROCKPRO64 ARM_PLAT=rockpro64 ARM_CORTEX_A53 TIMER_FREQUENCY=24000000
    ARM_ICACHE_VIPT ARM_GIC_V3_SUPPORT ${narrow}`,
  AARCH64_stm32mp2: `PLAT=stm32mp2 PLAT_STM32MP2 PLAT_STM32MP25_EV1 ARM_PLAT=stm32mp257f-ev1 MACH=stm32mp2 ARM_CORTEX_A35
    TIMER_FREQUENCY=40000000 ARM_ICACHE_VIPT ${narrow}`,
  AARCH64_tqma: `PLAT=tqma8xqp1gb PLAT_TQMA8XQP1GB ARM_PLAT=tqma8xqp1gb ARM_CORTEX_A35 TIMER_FREQUENCY=8000000
    ARM_ICACHE_VIPT ARM_GIC_V3_SUPPORT ${narrow}`,
  AARCH64_tx1: `PLAT=tx1 PLAT_TX1 ARM_PLAT=tx1 MACH=nvidia ARM_MACH=nvidia ARM_CORTEX_A57 TIMER_FREQUENCY=12000000 ${wide}`,
  AARCH64_ultra96v2: `PLAT=zynqmp PLAT_ZYNQMP PLAT_ZYNQMP_ULTRA96V2 ARM_PLAT=ultra96v2 MACH=zynq ARM_MACH=zynq
    ARM_CORTEX_A53 TIMER_FREQUENCY=100000000 ARM_ICACHE_VIPT ${narrow}`,
  AARCH64_zynqmp: `PLAT=zynqmp PLAT_ZYNQMP PLAT_ZYNQMP_ZCU102 ARM_PLAT=zcu102 MACH=zynq ARM_MACH=zynq ARM_CORTEX_A53
    TIMER_FREQUENCY=100000000 ARM_ICACHE_VIPT ${narrow}`,
};

const mapOf = (keys: Keys): ReadonlyMap<string, string> => new Map(Object.entries(keys));

/** Every configuration that a report may name. */
export const verifiedConfigurations: readonly VerifiedConfiguration[] = [
  {
    name: 'RISCV64_verified',
    machine: 'riscv64',
    properties: ['functional-correctness', 'integrity', 'confidentiality', 'non-interference'],
    coversFastpath: false,
    binary: true,
    keys: mapOf({ ...riscv64, ...ticks }),
  },
  {
    name: 'RISCV64_MCS_verified',
    machine: 'riscv64',
    properties: ['functional-correctness'],
    coversFastpath: false,
    binary: false,
    keys: mapOf({
      ...riscv64,
      ...keysOf('KERNEL_MCS BOOT_THREAD_TIME_SLICE=5 KERNEL_WCET_SCALE=1'),
      KERNEL_STATIC_MAX_PERIOD_US: '(60 * 60 * MS_IN_S * US_IN_MS)',
    }),
  },
  {
    name: 'X64_verified',
    machine: 'x86-64',
    properties: ['functional-correctness'],
    coversFastpath: false,
    binary: false,
    keys: mapOf(x64),
  },
  ...Object.entries(boards).map(
    ([name, board]): VerifiedConfiguration => ({
      name: `${name}_verified`,
      machine: 'aarch64',
      properties: ['functional-correctness', 'integrity'],
      coversFastpath: true,
      binary: false,
      keys: mapOf({ ...aarch64, ...noHikey, ...keysOf(board) }),
    }),
  ),
];
