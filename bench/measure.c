/* Runs one command and reports what it cost, with the precision of the kernel's counters: GNU time rounds to 10 ms,
 * which is a tenth of a small link. Usage: measure REPORT COMMAND...; REPORT gets one line of wall, user and system
 * microseconds, peak resident KiB and the exit status. The child starts from this tiny process, so the peak is its own.
 * mold leaves a grandchild behind to tidy up: its costs count too, but the wall clock stops at the command's end. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  long long start = now();
  pid_t child = fork();
  if (child < 0) return 3;
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status, other;
  struct rusage used;
  if (waitpid(child, &status, 0) != child) return 4;
  long long wall = now() - start;
  while (wait(&other) > 0) {
  }
  getrusage(RUSAGE_CHILDREN, &used);
  FILE *report = fopen(argv[1], "w");
  if (report == NULL) return 5;
  fprintf(report, "%lld %lld %lld %ld %d\n", wall, used.ru_utime.tv_sec * 1000000LL + used.ru_utime.tv_usec,
          used.ru_stime.tv_sec * 1000000LL + used.ru_stime.tv_usec, used.ru_maxrss,
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return fclose(report) == 0 ? 0 : 6;
}
