/* The virtual processor: AMD's secure virtual machine with nested paging. */
#ifndef SVM_H
#define SVM_H

#include "base.h"

/* Readies the processor; ends the run when it lacks what is needed. */
void svm_init(void);

/* Runs the guest from `entry` in the state that the tender gives it, until it ends itself or is ended. */
_Noreturn void svm_run(u64 entry);

#endif
