/*
 * The emulator: a tender for hvt images, as a program of its own for a bare x86-64 machine.
 *
 * QEMU boots it directly, with the image as its initial ramdisk and the host's wishes as its command line. It does what
 * a tender does, in a tender's order, on a processor under emulation that has AMD's virtualisation: check the image's
 * notes, load its segments, attach its devices, prepare its machine, run it and serve its hypercalls. Nothing depends
 * on the host's processor or on /dev/kvm, and the guest's own page tables, no-execute, SMAP and protection keys are
 * enforced by the emulated processor.
 *
 * Not there: the tender's shared network ring (boot_info says so, and guests fall back to hypercalls), core dumps and
 * the debugger's stub.
 */
#include "clock.h"
#include "config.h"
#include "console.h"
#include "devices.h"
#include "guest.h"
#include "interrupts.h"
#include "loader.h"
#include "memory.h"
#include "protection.h"
#include "report.h"
#include "svm.h"

_Noreturn void emulator_main(const struct start_info *info);

_Noreturn void emulator_main(const struct start_info *info) {
    report_init();
    start_clock();
    interrupts_init();
    protect_emulator();
    svm_init();

    const struct config *config = read_config(info->command_line != 0 ? (const char *)info->command_line : "");
    struct image image = find_image(info);
    check_abi(image);
    struct note manifest_note = find_manifest(image);
    guest_memory_init(info, image, config->memory);
    struct loaded_image loaded = load_image(image);

    console_attach(config->console);
    const struct manifest *manifest = attach_devices(manifest_note, config);
    finish_clock();
    prepare_guest(loaded, manifest, config->command_line, cycles_per_second());
    svm_run(loaded.entry);
}
